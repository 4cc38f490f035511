package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.bus.FramebufferCard;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.mmu.Access;
import io.pagewalk.hardware.paging.PteFlags;
import io.pagewalk.kernel.devres.Device;
import io.pagewalk.kernel.filemap.CharDevice;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.gup.Foll;
import io.pagewalk.kernel.io.CacheMode;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.syscall.Errno;
import io.pagewalk.kernel.vma.Vma;
import io.pagewalk.kernel.vma.VmaFlags;
import io.pagewalk.kernel.vma.VmaOperations;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.ToLongFunction;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Processes that map a display card: {@code /dev/fb0} maps at once, {@code /dev/dri/card0} by page faults.
 *
 * <p>What is asserted about Linux was read in its source: {@code mm/memory.c} (remap_pfn_range_internal, vm_iomap_memory, vmf_insert_pfn_prot, copy_pte_range, do_wp_page),
 * {@code mm/mremap.c:check_prep_vma()}, {@code mm/madvise.c}, {@code mm/mlock.c:mlock_fixup()}, {@code mm/gup.c:check_vma_flags()}, {@code drivers/video/fbdev/core}.
 */
class DeviceMappingTest {
    private static final long VIDEO = 2 * Size.MIB;
    private static final long SPECIAL =
            VmaFlags.VM_IO | VmaFlags.VM_PFNMAP | VmaFlags.VM_DONTEXPAND | VmaFlags.VM_DONTDUMP;
    private static final long PAGE = TestKernel.PAGE;

    private final TestKernel test = TestKernel.boot(new DeviceDescription.Framebuffer(1, VIDEO));
    private final FramebufferCard card =
            Objects.requireNonNull(test.kernel.machine().framebuffer());

    @AfterEach
    void machineHolds() {
        test.verify();
    }

    private long map(Task task, String path, long bytes, int prot, int flags, long offset) {
        long fd = test.open(task, path, OpenFile.O_RDWR);
        assertThat(fd).isNotNegative();
        long result = test.call(task, "mmap", 0, bytes, prot, flags, fd, offset);
        test.call(task, "close", fd);
        return result;
    }

    private long map(String path, long pages) {
        return test.mapped(map(test.task, path, pages * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, 0));
    }

    private Vma area(long vaddr) {
        return Objects.requireNonNull(test.task.mm().vmas().find(vaddr));
    }

    private int entryFlags(Task task, long vaddr) {
        long entry = test.kernel.pageTables().entryAt(task.mm(), vaddr);
        return entry == 0 ? 0 : test.kernel.machine().description().mode().flags(entry, 1);
    }

    private static byte[] videoBytes(FramebufferCard card, long offset, int count) {
        byte[] bytes = new byte[count];
        for (int i = 0; i < count; i++) {
            bytes[i] = card.videoByte(offset + i);
        }
        return bytes;
    }

    @ParameterizedTest
    @ValueSource(strings = {"/dev/fb0", "/dev/dri/card0"})
    void store_intoMapping_isOnTheCard(String path) {
        long at = map(path, 16);
        assertThat(test.kernel.store(test.task, at + 5 * PAGE, 4, 0x00ff8040)).isEqualTo(UserAccess.OK);
        assertThat(test.kernel.store(test.task, at + 7, 1, 0xab)).isEqualTo(UserAccess.OK);
        assertThat(videoBytes(card, 5 * PAGE, 4)).containsExactly(0x40, 0x80, 0xff, 0);
        assertThat(card.videoByte(7)).isEqualTo((byte) 0xab);
        assertThat(card.pixel((int) (5 * PAGE / 4 % card.width()), (int) (5 * PAGE / 4 / card.width())))
                .isEqualTo(0x00ff8040);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/dev/fb0", "/dev/dri/card0"})
    void load_afterTheCardFilledItsScreen_seesItsBytes(String path) {
        long at = map(path, 16);
        long registers = map(test.task, "/dev/fb0", PAGE, TestKernel.RW, TestKernel.MAP_SHARED, VIDEO);
        assertThat(test.kernel.load(test.task, registers + FramebufferCard.ID, 4))
                .isEqualTo(FramebufferCard.ID_VALUE);
        test.kernel.store(test.task, registers + FramebufferCard.FILL, 4, 0x0012_3456);
        assertThat(test.kernel.load(test.task, at + 3 * PAGE, 4)).isEqualTo(0x0012_3456);
        assertThat(entryFlags(test.task, registers) & PteFlags.UNCACHED).isNotZero();
    }

    @Test
    void mapping_ofFramebuffer_isSpecialAndCountsNoPages() {
        long rss = test.task.mm().rssPages();
        long at = map("/dev/fb0", 16);
        assertThat(area(at).flags() & SPECIAL).isEqualTo(SPECIAL);
        assertThat(test.task.mm().rssPages()).isEqualTo(rss);
        int flags = entryFlags(test.task, at + 15 * PAGE);
        assertThat(flags & PteFlags.SPECIAL).isNotZero();
        // The driver asks for uncached minus; the kernel's own mapping has reserved write-combining.
        assertThat(flags & PteFlags.WRITE_COMBINING).isNotZero();
        assertThat(flags & PteFlags.UNCACHED).isZero();
        long minor = test.minor();
        test.kernel.store(test.task, at, 8, 1);
        assertThat(test.minor()).isEqualTo(minor);
    }

    @Test
    void mapping_byFault_fillsOnePagePerTouch() {
        long rss = test.task.mm().rssPages();
        long at = map("/dev/dri/card0", 16);
        assertThat(entryFlags(test.task, at)).isZero();
        long minor = test.minor();
        test.kernel.store(test.task, at, 8, 1);
        test.kernel.store(test.task, at + 8, 8, 2);
        assertThat(test.minor()).isEqualTo(minor + 1);
        assertThat(entryFlags(test.task, at) & (PteFlags.SPECIAL | PteFlags.WRITE_COMBINING))
                .isEqualTo(PteFlags.SPECIAL | PteFlags.WRITE_COMBINING);
        assertThat(entryFlags(test.task, at + PAGE)).isZero();
        assertThat(area(at).flags() & SPECIAL).isEqualTo(SPECIAL);
        assertThat(test.task.mm().rssPages()).isEqualTo(rss);
    }

    @ParameterizedTest
    @ValueSource(strings = {"/dev/fb0", "/dev/dri/card0"})
    void twoProcesses_drawingInTurn_shareTheCard(String path) {
        Task first = test.task;
        Task second =
                test.kernel.exec(ExecImage.bare("painter", test.kernel.layout().stackTop()));
        long one = test.mapped(map(first, path, 64 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, 0));
        long two = test.mapped(map(second, path, 64 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, 32 * PAGE));
        for (int i = 0; i < 32; i++) {
            test.kernel.store(first, one + i * PAGE, 8, 0x1111_0000L + i);
            test.kernel.store(second, two + i * PAGE, 8, 0x2222_0000L + i);
        }
        for (int i = 0; i < 32; i++) {
            assertThat(test.kernel.load(first, one + (32 + i) * PAGE)).isEqualTo(0x2222_0000L + i);
            assertThat(card.videoByte(i * PAGE + 2)).isEqualTo((byte) 0x11);
        }
        test.call(first, "exit_group", 0);
        test.kernel.store(second, two, 8, -1);
        assertThat(card.videoByte(32 * PAGE)).isEqualTo((byte) -1);
    }

    @Test
    void fork_copiesEntriesOfTheCard() {
        long at = map("/dev/fb0", 4);
        Task child = Objects.requireNonNull(test.kernel.fork(test.task));
        assertThat(entryFlags(child, at) & PteFlags.SPECIAL).isNotZero();
        long minor = child.minorFaults();
        test.kernel.store(child, at + 2 * PAGE, 8, 42);
        assertThat(child.minorFaults()).isEqualTo(minor);
        assertThat(test.kernel.load(test.task, at + 2 * PAGE)).isEqualTo(42);
        test.call("munmap", at, 4 * PAGE);
        test.kernel.store(child, at, 8, 43);
        assertThat(card.videoByte(0)).isEqualTo((byte) 43);
    }

    @Test
    void munmap_inTheMiddle_leavesBothEnds() {
        int reserved = test.kernel.devices().memtypes().count();
        long at = map("/dev/fb0", 8);
        assertThat(test.kernel.devices().memtypes().count()).isEqualTo(reserved + 1);
        assertThat(test.call("munmap", at + 2 * PAGE, 4 * PAGE)).isZero();
        assertThat(test.kernel.store(test.task, at + 6 * PAGE, 8, 7)).isEqualTo(UserAccess.OK);
        assertThat(card.videoByte(6 * PAGE)).isEqualTo((byte) 7);
        assertThat(test.kernel.store(test.task, at + 3 * PAGE, 8, 7)).isEqualTo(UserAccess.SEGV_MAPERR);
        assertThat(test.call("munmap", at, 8 * PAGE)).isZero();
        assertThat(test.kernel.devices().memtypes().count()).isEqualTo(reserved);
    }

    @Test
    void mmap_pastTheBar_isInvalid() {
        int reserved = test.kernel.devices().memtypes().count();
        long areas = test.task.mm().vmas().size();
        assertThat(map(test.task, "/dev/fb0", VIDEO + PAGE, TestKernel.RW, TestKernel.MAP_SHARED, 0))
                .isEqualTo(-Errno.EINVAL);
        assertThat(map(test.task, "/dev/fb0", 2 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, VIDEO - PAGE))
                .isEqualTo(-Errno.EINVAL);
        assertThat(map(test.task, "/dev/fb0", PAGE, TestKernel.RW, TestKernel.MAP_SHARED, VIDEO + PAGE))
                .isEqualTo(-Errno.EINVAL);
        assertThat(test.kernel.devices().memtypes().count()).isEqualTo(reserved);
        assertThat(test.task.mm().vmas().size()).isEqualTo(areas);
    }

    @Test
    void touch_pastTheBarOfFaultMapping_isSigbus() {
        long at = test.mapped(
                map(test.task, "/dev/dri/card0", 2 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, VIDEO - PAGE));
        assertThat(test.kernel.store(test.task, at, 8, 1)).isEqualTo(UserAccess.OK);
        assertThat(test.kernel.store(test.task, at + PAGE, 8, 1)).isEqualTo(UserAccess.BUS_ADRERR);
    }

    @Test
    void mremap_ofSpecialArea_movesAndShrinksButNeverGrows() {
        long at = map("/dev/fb0", 4);
        test.kernel.store(test.task, at, 8, 77);
        assertThat(test.call("mremap", at, 4 * PAGE, 8 * PAGE, 1, 0)).isEqualTo(-Errno.EFAULT);
        assertThat(test.call("mremap", at, 4 * PAGE, 4 * PAGE, 1 | 4, 0)).isEqualTo(-Errno.EINVAL);
        assertThat(test.call("mremap", at, 4 * PAGE, 3 * PAGE, 0, 0)).isEqualTo(at);
        long target = test.anonymous(16);
        assertThat(test.call("mremap", at, 3 * PAGE, 3 * PAGE, 1 | 2, target)).isEqualTo(target);
        assertThat(test.kernel.load(test.task, target)).isEqualTo(77);
        assertThat(test.kernel.store(test.task, at, 8, 1)).isEqualTo(UserAccess.SEGV_MAPERR);
        test.kernel.store(test.task, target, 8, 78);
        assertThat(card.videoByte(0)).isEqualTo((byte) 78);
    }

    @Test
    void madvise_onSpecialArea_refusesWhatNeedsPages() {
        long at = map("/dev/fb0", 4);
        int[] refused = {4, 8, 20, 21, 22, 23, 11, 17};
        for (int advice : refused) {
            assertThat(test.call("madvise", at, 4 * PAGE, advice))
                    .as("advice %d", advice)
                    .isEqualTo(-Errno.EINVAL);
        }
        assertThat(test.call("madvise", at, 4 * PAGE, 10)).as("MADV_DONTFORK").isZero();
        Task child = Objects.requireNonNull(test.kernel.fork(test.task));
        assertThat(child.mm().vmas().find(at)).isNull();
    }

    @Test
    void mlock_ofSpecialArea_succeedsWithoutLocking() {
        long at = map("/dev/fb0", 4);
        assertThat(test.call("mlock", at, 4 * PAGE)).isZero();
        assertThat(area(at).has(VmaFlags.VM_LOCKED)).isFalse();
        assertThat(test.task.mm().lockedVm()).isZero();
    }

    @Test
    void mprotect_ofSpecialArea_keepsCacheModeAndFrame() {
        long at = map("/dev/fb0", 4);
        test.kernel.store(test.task, at, 8, 5);
        assertThat(test.call("mprotect", at, 4 * PAGE, TestKernel.PROT_READ)).isZero();
        assertThat(test.kernel.store(test.task, at, 8, 6)).isEqualTo(UserAccess.SEGV_ACCERR);
        assertThat(test.call("mprotect", at, 4 * PAGE, TestKernel.RW)).isZero();
        assertThat(test.kernel.store(test.task, at, 8, 6)).isEqualTo(UserAccess.OK);
        assertThat(card.videoByte(0)).isEqualTo((byte) 6);
        assertThat(entryFlags(test.task, at) & (PteFlags.SPECIAL | PteFlags.WRITE_COMBINING))
                .isEqualTo(PteFlags.SPECIAL | PteFlags.WRITE_COMBINING);
    }

    @Test
    void pin_ofSpecialArea_isFault() {
        long at = map("/dev/fb0", 4);
        long[] pfns = new long[4];
        assertThat(test.kernel.gup().hold(test.task, test.task.mm(), at, 4, Foll.PIN | Foll.WRITE, pfns))
                .isEqualTo(-Errno.EFAULT);
        long ram = test.anonymous(4);
        assertThat(test.kernel.gup().hold(test.task, test.task.mm(), ram, 4, Foll.PIN | Foll.WRITE, pfns))
                .isEqualTo(4);
        test.call("munmap", ram, 4 * PAGE);
        assertThat(test.kernel.memmap().owner(pfns[3])).isEqualTo(FrameOwner.ANON);
        test.kernel.gup().unpin(pfns, 4, true);
        assertThat(test.kernel.memmap().owner(pfns[3])).isNotEqualTo(FrameOwner.ANON);
    }

    @Test
    void store_intoPrivateMapping_copiesTheDevicesBytes() {
        long shared = map("/dev/fb0", 4);
        test.kernel.store(test.task, shared + 8, 8, 0x55);
        long at = test.mapped(map(test.task, "/dev/fb0", 4 * PAGE, TestKernel.RW, TestKernel.MAP_PRIVATE, 0));
        long rss = test.task.mm().rssPages();
        assertThat(test.kernel.load(test.task, at + 8)).isEqualTo(0x55);
        assertThat(test.kernel.store(test.task, at + 16, 8, 0x66)).isEqualTo(UserAccess.OK);
        assertThat(test.kernel.load(test.task, at + 8)).isEqualTo(0x55);
        assertThat(card.videoByte(16)).isZero();
        assertThat(test.task.mm().rssPages()).isEqualTo(rss + 1);
        test.kernel.store(test.task, shared + 8, 8, 0x77);
        assertThat(test.kernel.load(test.task, at + 8)).isEqualTo(0x55);
        Task child = Objects.requireNonNull(test.kernel.fork(test.task));
        test.kernel.store(child, at + 16, 8, 0x99);
        assertThat(test.kernel.load(test.task, at + 16)).isEqualTo(0x66);
        assertThat(map(test.task, "/dev/dri/card0", PAGE, TestKernel.RW, TestKernel.MAP_PRIVATE, 0))
                .isEqualTo(-Errno.EINVAL);
    }

    @Test
    void readAndWrite_ofFramebuffer_reachTheCardAndItsEnd() {
        long buffer = test.anonymous(4);
        test.kernel.store(test.task, buffer, 8, 0x0807_0605_0403_0201L);
        int fd = test.open("/dev/fb0", OpenFile.O_RDWR);
        assertThat(test.call("pwrite64", fd, buffer, 8, 3)).isEqualTo(8);
        assertThat(videoBytes(card, 3, 8)).containsExactly(1, 2, 3, 4, 5, 6, 7, 8);
        assertThat(test.call("pread64", fd, buffer + PAGE, 16, 3)).isEqualTo(16);
        assertThat(test.kernel.load(test.task, buffer + PAGE)).isEqualTo(0x0807_0605_0403_0201L);
        assertThat(test.call("pwrite64", fd, buffer, 8, VIDEO - 4)).isEqualTo(4);
        assertThat(test.call("pwrite64", fd, buffer, 8, VIDEO)).isEqualTo(-Errno.ENOSPC);
        assertThat(test.call("pwrite64", fd, buffer, 8, VIDEO + 1)).isEqualTo(-Errno.EFBIG);
        assertThat(test.call("pread64", fd, buffer, 8, VIDEO)).isZero();
        assertThat(test.call("pread64", fd, -4096, 8, 0)).isEqualTo(-Errno.EFAULT);
        assertThat(test.call("ftruncate", fd, 0)).isEqualTo(-Errno.EINVAL);
    }

    /** A user buffer can itself lie on the card: the copy goes from one device to the other end of the same one. */
    @Test
    void write_fromMappedCard_copiesOverTheBus() {
        long at = map("/dev/fb0", 4);
        test.kernel.store(test.task, at, 8, 0x1234_5678);
        int fd = test.open("/dev/fb0", OpenFile.O_RDWR);
        assertThat(test.call("pwrite64", fd, at, 8, 2 * PAGE)).isEqualTo(8);
        assertThat(test.kernel.load(test.task, at + 2 * PAGE)).isEqualTo(0x1234_5678);
    }

    @Test
    void unbind_whileMapped_unmapsAndRefuses() {
        long shown = map("/dev/fb0", 2);
        long faulted = map("/dev/dri/card0", 2);
        int fd = test.open("/dev/fb0", OpenFile.O_RDWR);
        test.kernel.store(test.task, shown, 8, 1);
        test.kernel.store(test.task, faulted, 8, 1);
        Device device = Objects.requireNonNull(test.kernel.devices().core().device("0000:00:01.0"));
        test.kernel.devices().core().unbind(device);
        test.verify();
        assertThat(card.isOn()).isFalse();
        assertThat(test.kernel.store(test.task, shown, 8, 1)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(test.kernel.store(test.task, faulted, 8, 1)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(test.call("read", fd, test.anonymous(1), 8)).isEqualTo(-Errno.ENODEV);
        assertThat(test.call("mmap", 0, PAGE, TestKernel.RW, TestKernel.MAP_SHARED, fd, 0))
                .isEqualTo(-Errno.ENODEV);
        assertThat(test.kernel.files().lookup("/dev/fb0")).isNull();
        assertThat(test.kernel.devices().core().bind(device, "pwfb")).isZero();
        assertThat(test.kernel.store(test.task, map("/dev/fb0", 1), 8, 9)).isEqualTo(UserAccess.OK);
        assertThat(card.videoByte(0)).isEqualTo((byte) 9);
    }

    /** A driver whose mmap operation is a lambda. */
    private long mapBy(String path, long pages, int flags, ToLongFunction<Vma> driver) {
        test.kernel.files().registerDevice(path, 240, 0, new CharDevice() {
            @Override
            public boolean canMmap() {
                return true;
            }

            @Override
            public long mmap(OpenFile file, Vma vma) {
                return driver.applyAsLong(vma);
            }
        });
        return map(test.task, path, pages * PAGE, TestKernel.RW, flags, 0);
    }

    private long videoPfn() {
        Device device = Objects.requireNonNull(test.kernel.devices().core().device("0000:00:01.0"));
        return Objects.requireNonNull(device.pci()).start(0) >>> 12;
    }

    @Test
    void remapPfnRange_unaligned_warnsAndIsInvalid() {
        long result = mapBy(
                "/dev/bad",
                4,
                TestKernel.MAP_SHARED,
                vma -> test.kernel
                        .devices()
                        .mappings()
                        .remapPfnRange(vma, vma.start() + 0x100, videoPfn(), PAGE, PteFlags.WRITE_COMBINING));
        assertThat(result).isEqualTo(-Errno.EINVAL);
        assertThat(test.logged("WARNING: at mm/memory.c remap_pfn_range_internal()"))
                .isTrue();
    }

    @Test
    void remapPfnRange_partOfPrivateArea_isInvalid() {
        long result = mapBy(
                "/dev/part",
                4,
                TestKernel.MAP_PRIVATE,
                vma -> test.kernel
                        .devices()
                        .mappings()
                        .remapPfnRange(vma, vma.start(), videoPfn(), 2 * PAGE, PteFlags.WRITE_COMBINING));
        assertThat(result).isEqualTo(-Errno.EINVAL);
        assertThat(test.task.mm().vmas().iterator()).isNotNull();
    }

    @Test
    void remapPfnRange_failsInTheMiddle_leavesNothingMapped() {
        int reserved = test.kernel.devices().memtypes().count();
        long result = mapBy("/dev/twice", 4, TestKernel.MAP_SHARED, vma -> {
            assertThat(test.kernel
                            .devices()
                            .mappings()
                            .remapPfnRange(vma, vma.start(), videoPfn(), 4 * PAGE, PteFlags.WRITE_COMBINING))
                    .isZero();
            return -Errno.EIO;
        });
        assertThat(result).isEqualTo(-Errno.EIO);
        assertThat(test.kernel.devices().memtypes().count()).isEqualTo(reserved);
    }

    @Test
    void remapPfnRange_conflictingCacheMode_isInvalidAndLogged() {
        // The kernel has the card mapped write-combining; asking for write-back gives uncached minus by MTRR, which
        // turns into what is there.
        long at = mapBy(
                "/dev/cached",
                4,
                TestKernel.MAP_SHARED,
                vma -> test.kernel.devices().mappings().remapPfnRange(vma, vma.start(), videoPfn(), 4 * PAGE, 0));
        assertThat(entryFlags(test.task, at) & PteFlags.WRITE_COMBINING).isNotZero();
        // RAM stays write-back; the driver that wants it uncached is told.
        long pfn = test.kernel.allocator().allocPages(Gfp.GFP_KERNEL, 0);
        test.kernel.memmap().setOwner(pfn, FrameOwner.KERNEL);
        long ram = mapBy(
                "/dev/ram",
                1,
                TestKernel.MAP_SHARED,
                vma -> test.kernel.devices().mappings().remapPfnRange(vma, vma.start(), pfn, PAGE, PteFlags.UNCACHED));
        assertThat(entryFlags(test.task, ram) & (PteFlags.UNCACHED | PteFlags.WRITE_COMBINING))
                .isZero();
        assertThat(test.logged("x86/PAT: test:" + test.task.tid() + " map pfn RAM range req uncached-minus"))
                .isTrue();
        test.kernel.store(test.task, ram, 8, 0xfeed);
        assertThat(test.kernel.machine().memory().readLong(pfn << 12)).isEqualTo(0xfeed);
        assertThat(test.kernel.memmap().refcount(pfn)).isEqualTo(1);
        test.call("munmap", ram, PAGE);
        test.kernel.allocator().freePages(pfn, 0);
        assertThat(test.kernel.devices().memtypes().lookup(videoPfn() << 12)).isEqualTo(CacheMode.WRITE_COMBINING);
    }

    @Test
    void remapPfnRange_pastTheBarWithoutCheck_readsAllOnes() {
        long end = videoPfn() + VIDEO / PAGE;
        long at = mapBy(
                "/dev/careless",
                1,
                TestKernel.MAP_SHARED,
                vma -> test.kernel.devices().mappings().remapPfnRange(vma, vma.start(), end, PAGE, PteFlags.UNCACHED));
        assertThat(test.kernel.load(test.task, at)).isEqualTo(-1L);
        assertThat(test.kernel.store(test.task, at, 8, 5)).isEqualTo(UserAccess.OK);
    }

    @Test
    void vmfInsertPfn_inAreaThatIsNotSpecial_isBugAndSigbus() {
        long at = mapBy("/dev/wrong", 1, TestKernel.MAP_SHARED, vma -> {
            vma.setOperations(new VmaOperations() {
                @Override
                public long fault(Vma area, long vaddr, boolean isWrite) {
                    return test.kernel.devices().mappings().vmfInsertPfn(area, vaddr, videoPfn());
                }
            });
            return 0;
        });
        assertThat(test.kernel.access(test.task, at, Access.LOAD)).isEqualTo(UserAccess.BUS_ADRERR);
        assertThat(test.logged("kernel BUG at mm/memory.c vmf_insert_pfn_prot()"))
                .isTrue();
    }

    /** A driver with pages of RAM: they count as resident, and live on as long as somebody maps them. */
    @Test
    void insertPage_ofDriversRam_countsAndKeepsThePage() {
        long pfn = test.kernel.allocator().allocPages(Gfp.GFP_KERNEL | Gfp.ZERO, 0);
        test.kernel.memmap().setOwner(pfn, FrameOwner.KERNEL);
        long rss = test.task.mm().rssPages();
        List<String> calls = new ArrayList<>();
        long at = mapBy("/dev/ring", 2, TestKernel.MAP_SHARED, vma -> {
            vma.setOperations(new VmaOperations() {
                @Override
                public void open(Vma area) {
                    calls.add("open");
                }

                @Override
                public void close(Vma area) {
                    calls.add("close");
                }
            });
            return test.kernel.devices().mappings().vmInsertPage(vma, vma.start(), pfn);
        });
        test.kernel.store(test.task, at, 8, 0xcafe);
        assertThat(test.task.mm().rssPages()).isEqualTo(rss + 1);
        assertThat(test.kernel.memmap().refcount(pfn)).isEqualTo(2);
        assertThat(test.kernel.access(test.task, at + PAGE, Access.LOAD)).isEqualTo(UserAccess.BUS_ADRERR);
        Task child = Objects.requireNonNull(test.kernel.fork(test.task));
        assertThat(test.kernel.load(child, at)).isEqualTo(0xcafe);
        test.call("munmap", at, 2 * PAGE);
        test.verify();
        test.call(child, "exit_group", 0);
        assertThat(calls).containsExactly("open", "close", "close");
        assertThat(test.kernel.memmap().refcount(pfn)).isEqualTo(1);
        assertThat(test.kernel.machine().memory().readLong(pfn << 12)).isEqualTo(0xcafe);
        test.kernel.allocator().freePages(pfn, 0);
    }
}
