package io.pagewalk.kernel.system;

import static io.pagewalk.kernel.system.TestKernel.PAGE;
import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.bus.FramebufferCard;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.mmu.Refill;
import io.pagewalk.hardware.paging.PagingMode;
import io.pagewalk.kernel.filemap.OpenFile;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** Ports and a display card of a 32-bit PC: the windows lie below 4 GiB, and the kernel maps the card into its 128 MiB of vmalloc space. */
class I386DeviceTest {
    @ParameterizedTest
    @EnumSource(
            value = PagingMode.class,
            names = {"I386", "I386_PAE"})
    void devices_ofA32BitPc_areDrivenAndDrawnOn(PagingMode mode) {
        TestKernel test = TestKernel.boot(
                "pentium-m",
                mode,
                Size.GIB,
                2,
                BootOptions.defaults(),
                Refill.HARDWARE,
                List.of(new DeviceDescription.Uart(0x3f8), new DeviceDescription.Framebuffer(3, 32 * Size.MIB)));
        assertThat(test.logged("ttyS0 at I/O 0x3f8")).isTrue();
        FramebufferCard card = Objects.requireNonNull(test.kernel.machine().framebuffer());
        int fd = test.open("/dev/fb0", OpenFile.O_RDWR);
        long at = test.mapped(test.call("mmap", 0, 16 * PAGE, TestKernel.RW, TestKernel.MAP_SHARED, fd, 0));
        assertThat(test.kernel.store(test.task, at + 5 * PAGE, 4, 0x00ff8040)).isEqualTo(UserAccess.OK);
        assertThat(card.videoByte(5 * PAGE)).isEqualTo((byte) 0x40);
        assertThat(card.videoByte(5 * PAGE + 2)).isEqualTo((byte) 0xff);
        long entry = test.kernel.pageTables().entryAt(test.task.mm(), at + 5 * PAGE);
        long frame = mode.pfn(entry, 1);
        // Above RAM, below the I/O APIC and the firmware.
        assertThat(frame << 12).isBetween(Size.GIB, 0xfec0_0000L);
        test.kernel.ioResources().iomem().forEach((resource, depth) -> {
            if ("0000:00:03.0".equals(resource.name())) {
                assertThat(resource.end()).isLessThan(4 * Size.GIB);
            }
        });
        assertThat(test.kernel.store(test.task, at, 4, 0x11)).isEqualTo(UserAccess.OK);
        Task child = Objects.requireNonNull(test.kernel.fork(test.task));
        assertThat(test.kernel.load(child, at, 4)).isEqualTo(0x11);
        assertThat(test.call("munmap", at, 16 * PAGE)).isZero();
        test.verify();
    }
}
