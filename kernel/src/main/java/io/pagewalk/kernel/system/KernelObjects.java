package io.pagewalk.kernel.system;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Violations;
import io.pagewalk.hardware.machine.Machine;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.buddy.PageAllocator;
import io.pagewalk.kernel.filemap.FileObjects;
import io.pagewalk.kernel.io.ObjectAllocator;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.BootCaches;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.slub.ObjectSource;
import io.pagewalk.kernel.slub.SlabAllocator;
import io.pagewalk.kernel.slub.SlabEnvironment;
import io.pagewalk.kernel.slub.SlabOptions;
import io.pagewalk.kernel.slub.SlabParameters;
import io.pagewalk.kernel.vma.Mm;
import java.util.IdentityHashMap;
import java.util.Objects;

/**
 * The slab caches of a kernel, and which of its own objects come from which: {@code kernel/fork.c:proc_caches_init()} and its like.
 *
 * <p>Differs from Linux: objects have an address and a size, but no contents. Maple nodes, credentials that change, and objects of subsystems that are not modelled are left out.
 */
final class KernelObjects implements ObjectAllocator {
    /** Caches of what a process has one of, besides its first thread. */
    private static final String[] OF_PROCESS = {"signal_cache", "sighand_cache", "files_cache", "fs_cache", "cred"};

    /** Of these, the ones that go when the last thread exits; the others wait for the parent. */
    private static final int FILES = 2;

    private static final int FS = 3;

    private final SlabAllocator slabs;
    private final ObjectSource[] ofProcess = new ObjectSource[OF_PROCESS.length];
    private final ObjectSource task;
    private final ObjectSource pid;
    private final ObjectSource mm;
    private final ObjectSource areas;
    private final IdentityHashMap<Mm, Long> mms = new IdentityHashMap<>();

    KernelObjects(Machine machine, PageAllocator pages, SlabOptions options) {
        int cpus = machine.cpus().size();
        boolean isNarrow = machine.description().mode().architecture() == PagingMode.Architecture.I386;
        slabs = new SlabAllocator(
                machine.memory(), pages, isNarrow ? SlabParameters.narrow(cpus) : SlabParameters.wide(cpus), options);
        BootCaches.create(slabs);
        for (int i = 0; i < OF_PROCESS.length; i++) {
            ofProcess[i] = accounted(OF_PROCESS[i]);
        }
        task = accounted("task_struct");
        pid = accounted("pid");
        mm = accounted("mm_struct");
        areas = accounted("vm_area_struct");
    }

    private ObjectSource accounted(String name) {
        return ObjectSource.of(cache(name), Gfp.GFP_KERNEL_ACCOUNT);
    }

    private KmemCache cache(String name) {
        return Objects.requireNonNull(slabs.find(name), name);
    }

    SlabAllocator slabs() {
        return slabs;
    }

    /** Connects the log and the running task. */
    void wire(LinuxKernel kernel) {
        slabs.setEnvironment(new SlabEnvironment() {
            @Override
            public void log(String line) {
                kernel.log().print(line);
            }

            @Override
            public int pid() {
                Task current = kernel.currentTask();
                return current == null ? 0 : current.tid();
            }

            @Override
            public String comm() {
                Task current = kernel.currentTask();
                return current == null ? "swapper/0" : current.comm();
            }

            @Override
            public long jiffies() {
                return kernel.clock().nanos() / 1_000_000;
            }
        });
    }

    @Override
    public long kmalloc(long bytes, int gfp) {
        return slabs.kmalloc(bytes, gfp);
    }

    @Override
    public void kfree(long vaddr) {
        slabs.kfree(vaddr);
    }

    ObjectSource areas() {
        return areas;
    }

    ObjectSource anonVma() {
        return accounted("anon_vma");
    }

    ObjectSource anonVmaChain() {
        return accounted("anon_vma_chain");
    }

    FileObjects files() {
        return new FileObjects(
                accounted("filp"),
                accounted("dentry"),
                accounted("ext4_inode_cache"),
                accounted("shmem_inode_cache"),
                accounted("inode_cache"),
                ObjectSource.of(cache("radix_tree_node"), Gfp.GFP_KERNEL));
    }

    /** Takes what a new thread needs. Returns false when memory ran out; nothing is taken then. */
    boolean takeTask(Task thread) {
        long struct = task.take();
        long number = struct == 0 ? 0 : pid.take();
        if (number == 0) {
            task.give(struct);
            return false;
        }
        thread.setKernelObjects(struct, number);
        return true;
    }

    /** Takes what a new process needs besides its first thread. Returns false when memory ran out; nothing is taken then. */
    boolean takeProcess(ThreadGroup group) {
        long[] objects = group.kernelObjects();
        for (int i = 0; i < ofProcess.length; i++) {
            objects[i] = ofProcess[i].take();
            if (objects[i] == 0) {
                giveProcess(group);
                return false;
            }
        }
        return true;
    }

    /** A thread is gone: {@code put_task_struct()}. */
    void giveTask(Task thread) {
        task.give(thread.taskObject());
        pid.give(thread.pidObject());
        thread.setKernelObjects(0, 0);
    }

    /** The last thread of a process has exited: {@code exit_files()}, {@code exit_fs()}. */
    void giveFiles(ThreadGroup group) {
        give(group, FILES);
        give(group, FS);
    }

    /** A process is gone: {@code free_signal_struct()}. */
    void giveProcess(ThreadGroup group) {
        for (int i = 0; i < ofProcess.length; i++) {
            give(group, i);
        }
    }

    private void give(ThreadGroup group, int which) {
        long[] objects = group.kernelObjects();
        ofProcess[which].give(objects[which]);
        objects[which] = 0;
    }

    /** Takes the memory of an address space. Returns false when memory ran out. */
    boolean takeMm(Mm space) {
        long object = mm.take();
        if (object == 0) {
            return false;
        }
        mms.put(space, object);
        return true;
    }

    void giveMm(Mm space) {
        Long object = mms.remove(space);
        KernelBug.on(object == null, "an address space without memory ends");
        mm.give(object == null ? 0 : object);
    }

    /** Fails an exec from outside, which nobody can be told. */
    static BadInput noMemory(String what) {
        return new BadInput(what, "no free memory", "a machine with more memory");
    }

    /** Checks all slabs, and that each object of the kernel has its memory. */
    void verify(LinuxKernel kernel, Violations out) {
        slabs.verify(out);
        expect(
                "task_struct",
                kernel.tasks().stream().filter(t -> t.taskObject() != 0).count(),
                out);
        expect("mm_struct", kernel.addressSpaces().all().size(), out);
        long vmas = 0;
        for (Mm each : kernel.addressSpaces().all()) {
            vmas += each.vmas().size();
        }
        expectAtMost("vm_area_struct", vmas, out);
        expectAtMost("anon_vma", kernel.anonVmas().live(), out);
        long nodes =
                kernel.files().inodes().stream().mapToLong(i -> i.indexNodes()).sum();
        expectAtMost("radix_tree_node", nodes, out);
    }

    private void expect(String name, long expected, Violations out) {
        out.expectEqual(
                name, "objects in use == objects of the kernel", cache(name).allocatedObjects(), expected);
    }

    /** Objects whose allocation may fail without failing the call can be missing. */
    private void expectAtMost(String name, long most, Violations out) {
        long found = cache(name).allocatedObjects();
        if (found > most) {
            out.add(name, found + " objects in use, the kernel has " + most);
        }
    }
}
