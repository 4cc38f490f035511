package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.KernelBug;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.hardware.paging.Pkru;
import io.pagewalk.kernel.filemap.Inode;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * What LTP's {@code pkey01} and the kernel's selftest {@code mm/protection_keys.c} assert, in other words, and what only the model can be asked. {@link
 * ProtectionKeyHistoryTest} holds the same calls beside a real kernel.
 */
class ProtectionKeyTest {
    private static final int PROT_READ = TestKernel.PROT_READ;
    private static final int RW = TestKernel.RW;
    private static final int PROT_EXEC = TestKernel.PROT_EXEC;
    private static final long PAGE = TestKernel.PAGE;
    private static final int MADV_HUGEPAGE = 14;
    private static final int INITIAL = 0x55555554;

    private final TestKernel test = boot("icelake", BootOptions.defaults());
    private final LinuxKernel kernel = test.kernel;
    private final Task task = test.task;

    private static TestKernel boot(String cpu, BootOptions options) {
        return TestKernel.boot(cpu, PagingMode.X86_64_4LEVEL, 256 * Size.MIB, 2, options);
    }

    private int key(int refused) {
        long key = test.call("pkey_alloc", 0, refused);
        assertThat(key).isBetween(1L, 15L);
        return (int) key;
    }

    private void rights(Task who, int key, int refused) {
        kernel.writePkru(who, Pkru.with(who.pkru(), key, refused));
    }

    private void assertRefused(Task who, long vaddr, int kind, int key) {
        int outcome = kernel.access(who, vaddr, kind);
        assertThat(UserAccess.describe(outcome)).isEqualTo("SIGSEGV (SEGV_PKUERR, key " + key + ")");
        assertThat(UserAccess.signal(outcome)).isEqualTo(11);
        assertThat(UserAccess.siCode(outcome)).isEqualTo(4);
        assertThat(UserAccess.siPkey(outcome)).isEqualTo(key);
    }

    private void assertAllowed(Task who, long vaddr, int kind) {
        assertThat(kernel.access(who, vaddr, kind)).isEqualTo(UserAccess.OK);
    }

    /** The kinds of memory that pkey01 goes through; huge pages are left out. */
    private enum Memory {
        PRIVATE_ANONYMOUS,
        SHARED_ANONYMOUS,
        PRIVATE_FILE,
        SHARED_FILE
    }

    private long map(Memory kind, long pages) {
        boolean isShared = kind == Memory.SHARED_ANONYMOUS || kind == Memory.SHARED_FILE;
        int flags = isShared ? TestKernel.MAP_SHARED : TestKernel.MAP_PRIVATE;
        if (kind == Memory.PRIVATE_ANONYMOUS || kind == Memory.SHARED_ANONYMOUS) {
            return test.mapped(test.call("mmap", 0, pages * PAGE, RW, flags | TestKernel.MAP_ANONYMOUS, -1, 0));
        }
        Inode inode = kernel.files().register("/tmp/keys", pages * PAGE, 77, 8, 1);
        assertThat(inode).isNotNull();
        int fd = test.open("/tmp/keys", 2);
        return test.mapped(test.call("mmap", 0, pages * PAGE, RW, flags, fd, 0));
    }

    /** pkey01: with the key's rights taken away, loads or stores end in the signal; without a key they are made. */
    @ParameterizedTest
    @EnumSource(Memory.class)
    void access_rightsTakenAway_isASignalWithTheKey(Memory kind) {
        long area = map(kind, 4);
        assertAllowed(task, area, Access.STORE);
        int noWrite = key(Pkru.NO_WRITE);
        assertThat(test.call("pkey_mprotect", area, 4 * PAGE, RW, noWrite)).isZero();
        for (long page = area; page < area + 4 * PAGE; page += PAGE) {
            assertAllowed(task, page, Access.LOAD);
            assertRefused(task, page, Access.STORE, noWrite);
        }
        assertThat(test.call("pkey_mprotect", area, 4 * PAGE, RW, 0)).isZero();
        assertAllowed(task, area, Access.STORE);
        assertThat(test.call("pkey_free", noWrite)).isZero();
        int noAccess = key(Pkru.NO_ACCESS);
        assertThat(noAccess).as("the lowest key that is free").isEqualTo(noWrite);
        assertThat(test.call("pkey_mprotect", area, 4 * PAGE, RW, noAccess)).isZero();
        for (long page = area; page < area + 4 * PAGE; page += PAGE) {
            assertRefused(task, page, Access.LOAD, noAccess);
            assertRefused(task, page, Access.STORE, noAccess);
        }
        test.verify();
    }

    @Test
    void access_hugePage_hasTheKeyOfItsAreaBeforeAndAfterASplit() {
        long huge = 2 * Size.MIB;
        long area = (test.anonymous(4 * huge / PAGE) + huge - 1) & -huge;
        assertThat(test.call("madvise", area, huge, MADV_HUGEPAGE)).isZero();
        assertAllowed(task, area + 5 * PAGE, Access.STORE);
        long faults = test.minor();
        int first = key(Pkru.NO_WRITE);
        assertThat(test.call("pkey_mprotect", area, huge, RW, first)).isZero();
        assertAllowed(task, area + 7 * PAGE, Access.LOAD);
        assertRefused(task, area + 7 * PAGE, Access.STORE, first);
        assertThat(test.minor()).as("still one page").isEqualTo(faults);
        int second = key(Pkru.NO_ACCESS);
        assertThat(test.call("pkey_mprotect", area, PAGE, RW, second)).isZero();
        assertRefused(task, area, Access.LOAD, second);
        assertAllowed(task, area + PAGE, Access.LOAD);
        assertRefused(task, area + PAGE, Access.STORE, first);
        test.verify();
    }

    @Test
    void writePkru_takesEffectAtOnceWithoutFlushOrFault() {
        long area = test.anonymous(2);
        int key = key(0);
        assertThat(test.call("pkey_mprotect", area, 2 * PAGE, RW, key)).isZero();
        assertAllowed(task, area, Access.STORE);
        long faults = test.minor();
        long walks = kernel.mmuOf(task).stats().walks();
        long flushes = kernel.mmuOf(task).stats().flushes();
        for (int i = 0; i < 50; i++) {
            rights(task, key, Pkru.NO_ACCESS);
            rights(task, key, 0);
            assertAllowed(task, area, Access.STORE);
        }
        assertThat(kernel.mmuOf(task).stats().walks()).isEqualTo(walks);
        assertThat(kernel.mmuOf(task).stats().flushes()).isEqualTo(flushes);
        rights(task, key, Pkru.NO_ACCESS);
        assertRefused(task, area, Access.LOAD, key);
        assertRefused(task, area + PAGE, Access.LOAD, key);
        assertThat(test.minor()).as("a refused page is not faulted in").isEqualTo(faults);
        rights(task, key, Pkru.NO_WRITE);
        assertAllowed(task, area + PAGE, Access.LOAD);
        test.verify();
    }

    @Test
    void keys_allOfThem_comeInOrderAndGoBack() {
        for (int expected = 1; expected < 16; expected++) {
            assertThat(key(0)).isEqualTo(expected);
            assertThat(Pkru.refused(task.pkru(), expected)).isZero();
        }
        assertThat(test.call("pkey_alloc", 0, 0)).isEqualTo(-Errno.ENOSPC);
        long area = test.anonymous(1);
        for (int key = 15; key >= 1; key--) {
            assertThat(test.call("pkey_mprotect", area, PAGE, RW, key)).isZero();
            rights(task, key, Pkru.NO_ACCESS);
            assertRefused(task, area, Access.STORE, key);
            rights(task, key, 0);
            assertAllowed(task, area, Access.STORE);
            assertThat(test.call("pkey_free", key)).isZero();
            assertThat(test.call("pkey_free", key)).isEqualTo(-Errno.EINVAL);
            assertThat(test.call("pkey_mprotect", area, PAGE, RW, key)).isEqualTo(-Errno.EINVAL);
        }
        test.verify();
    }

    @Test
    void executeOnlyMemory_canOnlyBeExecuted() {
        long area = test.anonymous(1);
        assertAllowed(task, area, Access.STORE);
        assertThat(test.call("mprotect", area, PAGE, PROT_EXEC)).isZero();
        assertAllowed(task, area, Access.FETCH);
        assertRefused(task, area, Access.LOAD, 1);
        assertThat(kernel.copyFromUser(task, area, 8)).isNotEqualTo(UserAccess.OK);
        assertThat(test.call("mprotect", area, PAGE, PROT_READ | PROT_EXEC)).isZero();
        assertAllowed(task, area, Access.LOAD);
        test.verify();
    }

    @Test
    void executeOnlyMemory_ofAProgramFile_isWithoutRightsFromTheStart() {
        long area = test.mapped(test.call("mmap", 0, PAGE, PROT_EXEC, TestKernel.ANON, -1, 0));
        Vma vma = task.mm().vmas().find(area);
        assertThat(vma).isNotNull();
        assertThat(vma == null ? 0 : vma.protectionKey()).isEqualTo(1);
        assertThat(Pkru.refused(task.pkru(), 1)).isEqualTo(Pkru.NO_ACCESS);
        assertThat(test.call("pkey_mprotect", area, PAGE, PROT_EXEC, 1)).isEqualTo(-Errno.EINVAL);
        assertThat(test.call("pkey_free", 1)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void threads_haveRegistersOfTheirOwn() {
        long area = test.anonymous(1);
        int key = key(0);
        assertThat(test.call("pkey_mprotect", area, PAGE, RW, key)).isZero();
        Task thread = kernel.cloneThread(task);
        assertThat(thread).isNotNull();
        if (thread == null) {
            return;
        }
        assertAllowed(thread, area, Access.STORE);
        rights(thread, key, Pkru.NO_ACCESS);
        for (int i = 0; i < 3; i++) {
            assertRefused(thread, area, Access.LOAD, key);
            assertAllowed(task, area, Access.STORE);
        }
        int later = key(Pkru.NO_WRITE);
        assertThat(Pkru.refused(task.pkru(), later)).isEqualTo(Pkru.NO_WRITE);
        assertThat(Pkru.refused(thread.pkru(), later))
                .as("a thread that did not ask has no right at all")
                .isEqualTo(Pkru.NO_ACCESS);
        test.verify();
    }

    @Test
    void tasks_onOneCpu_switchTheRegister() {
        TestKernel one =
                TestKernel.boot("icelake", PagingMode.X86_64_4LEVEL, 128 * Size.MIB, 1, BootOptions.defaults());
        long area = one.anonymous(1);
        assertThat(one.call("pkey_alloc", 0, 0)).isEqualTo(1);
        assertThat(one.call("pkey_mprotect", area, PAGE, RW, 1)).isZero();
        Task child = one.kernel.fork(one.task);
        assertThat(child).isNotNull();
        if (child == null) {
            return;
        }
        one.kernel.writePkru(child, INITIAL);
        for (int i = 0; i < 3; i++) {
            assertThat(UserAccess.isByKey(one.kernel.access(child, area, Access.STORE)))
                    .isTrue();
            assertThat(one.kernel.access(one.task, area, Access.STORE)).isEqualTo(UserAccess.OK);
        }
        one.kernel.execve(child, ExecImage.bare("new", one.kernel.layout().stackTop()));
        assertThat(child.pkru()).isEqualTo(INITIAL);
        assertThat(one.call(child, "pkey_alloc", 0, 0))
                .as("a new program has all keys")
                .isEqualTo(1);
        one.verify();
    }

    @ParameterizedTest
    @ValueSource(strings = {"x86-64-5level", "software refill"})
    void access_onOtherMachines_isRefusedToo(String which) {
        boolean isSoftware = which.startsWith("software");
        TestKernel other = TestKernel.boot(
                "icelake",
                isSoftware ? PagingMode.X86_64_4LEVEL : PagingMode.X86_64_5LEVEL,
                128 * Size.MIB,
                1,
                BootOptions.defaults(),
                isSoftware ? Refill.SOFTWARE : Refill.HARDWARE);
        long area = other.anonymous(1);
        assertThat(other.kernel.access(other.task, area, Access.STORE)).isEqualTo(UserAccess.OK);
        assertThat(other.call("pkey_alloc", 0, Pkru.NO_WRITE)).isEqualTo(1);
        assertThat(other.call("pkey_mprotect", area, PAGE, RW, 1)).isZero();
        assertThat(other.kernel.access(other.task, area, Access.LOAD)).isEqualTo(UserAccess.OK);
        assertThat(UserAccess.isByKey(other.kernel.access(other.task, area, Access.STORE)))
                .isTrue();
        other.verify();
    }

    @Test
    void machines_withoutKeys_haveNone() {
        TestKernel off = boot("icelake", BootOptions.defaults().withCommandLine("nopku"));
        for (TestKernel without : new TestKernel[] {boot("skylake", BootOptions.defaults()), off}) {
            assertThat(without.kernel.hasProtectionKeys()).isFalse();
            assertThat(without.task.pkru()).isZero();
            assertThatThrownBy(() -> without.kernel.writePkru(without.task, INITIAL))
                    .isInstanceOf(KernelBug.class);
            long area = without.anonymous(1);
            assertThat(without.call("mprotect", area, PAGE, PROT_EXEC)).isZero();
            assertThat(without.kernel.access(without.task, area, Access.LOAD)).isEqualTo(UserAccess.OK);
            assertThat(without.call("pkey_alloc", 0, 0)).isNegative();
        }
        assertThat(kernel.hasProtectionKeys()).isTrue();
        assertThat(task.pkru()).isEqualTo(INITIAL);
    }
}
