package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.bus.FramebufferCard;
import io.pagewalk.hardware.bus.Uart16550;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.kernel.devres.Device;
import io.pagewalk.kernel.devres.Driver;
import io.pagewalk.kernel.devres.DriverCore;
import io.pagewalk.kernel.drivers.FramebufferDriver;
import io.pagewalk.kernel.drivers.SerialDriver;
import io.pagewalk.kernel.filemap.OpenFile;
import io.pagewalk.kernel.io.Ioremap;
import io.pagewalk.kernel.io.PciDevice;
import io.pagewalk.kernel.io.Resource;
import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.FrameOwner;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.syscall.Errno;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.LongStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/**
 * The built-in drivers of serial port and display card, and what kernel code does wrong with devices.
 *
 * <p>What is asserted about Linux was read in its source: {@code drivers/base/dd.c}, {@code drivers/base/driver.c}, {@code drivers/tty/serial/8250/8250_port.c:autoconfig()},
 * {@code kernel/resource.c}, {@code arch/x86/mm/ioremap.c}.
 */
class DriverTest {
    private static final long VIDEO = 2 * Size.MIB;

    private final TestKernel test =
            TestKernel.boot(new DeviceDescription.Uart(0x3f8), new DeviceDescription.Framebuffer(3, VIDEO));
    private final DeviceLayer devices = test.kernel.devices();
    private final DriverCore core = devices.core();
    private final Uart16550 uart =
            Objects.requireNonNull(test.kernel.machine().uarts().get(0x3f8));

    @AfterEach
    void machineHolds() {
        test.verify();
    }

    private Device device(String name) {
        return Objects.requireNonNull(core.device(name));
    }

    private PciDevice card() {
        return Objects.requireNonNull(device("0000:00:03.0").pci());
    }

    private Driver driver(String name) {
        return core.drivers().stream()
                .filter(one -> one.name().equals(name))
                .findFirst()
                .orElseThrow();
    }

    /** What a driver takes, in numbers that must be the same again once it is gone. */
    private List<Long> held() {
        return List.of(
                (long) devices.resources().iomem().regions(),
                (long) devices.resources().ioports().regions(),
                (long) devices.memtypes().count(),
                test.kernel.vmalloc().areas().stream().count(),
                (long) test.kernel.files().inodes().size(),
                framesOf(FrameOwner.KERNEL),
                test.kernel.slabs().caches().stream()
                        .mapToLong(KmemCache::allocatedObjects)
                        .sum());
    }

    private long framesOf(FrameOwner owner) {
        long last = test.kernel.machine().memory().frames();
        return LongStream.range(0, last)
                .filter(pfn -> test.kernel.memmap().isValid(pfn)
                        && test.kernel.memmap().owner(pfn) == owner)
                .count();
    }

    @Test
    void boot_withBothDevices_bindsTheirDrivers() {
        assertThat(Objects.requireNonNull(device("00:00").driver()).name()).isEqualTo("serial");
        assertThat(Objects.requireNonNull(device("0000:00:03.0").driver()).name())
                .isEqualTo("pwfb");
        assertThat(device("0000:00:00.0").driver()).isNull();
        assertThat(test.logged("00:00: ttyS0 at I/O 0x3f8 (irq = 4, base_baud = 115200) is a 16550A"))
                .isTrue();
        assertThat(test.logged("pwfb 0000:00:03.0: fb0: pwfb frame buffer device, 640x480"))
                .isTrue();
        assertThat(Objects.requireNonNull(test.kernel.machine().framebuffer()).isOn())
                .isTrue();
        assertThat(uart.divisor()).isEqualTo(12);
        assertThat(uart.lineControl()).isEqualTo(3);
    }

    @Test
    void writeAndRead_ofSerialPort_goOverTheLine() {
        byte[] hello = "Hello, line".getBytes(StandardCharsets.US_ASCII);
        long buffer = test.anonymous(1);
        test.task.userMemory().copyToUser(buffer, hello, 0, hello.length);
        int fd = test.open("/dev/ttyS0", OpenFile.O_RDWR);
        assertThat(test.call("write", fd, buffer, hello.length)).isEqualTo(hello.length);
        assertThat(uart.sent()).isEqualTo(hello);
        assertThat(test.call("read", fd, buffer, 16)).isEqualTo(-Errno.EAGAIN);
        for (byte each : "abc".getBytes(StandardCharsets.US_ASCII)) {
            uart.receive(each);
        }
        assertThat(test.call("read", fd, buffer, 2)).isEqualTo(2);
        assertThat(test.call("read", fd, buffer + 2, 16)).isEqualTo(1);
        byte[] read = new byte[3];
        test.task.userMemory().copyFromUser(read, 0, 3, buffer);
        assertThat(read).containsExactly('a', 'b', 'c');
        assertThat(test.call("mmap", 0, 4096, TestKernel.RW, TestKernel.MAP_SHARED, fd, 0))
                .isEqualTo(-Errno.ENODEV);
        assertThat(test.call("lseek", fd, 0, 0)).isEqualTo(-Errno.ESPIPE);
    }

    @Test
    void probe_ofPortWithoutUart_rejectsAndGivesThePortsBack() {
        List<Long> before = held();
        Resource range = new Resource(null, 0x2f8, 0x2ff, Resource.IO);
        core.add(Device.of("pnp", "00:01", List.of(range), devices.managed()));
        assertThat(device("00:01").driver()).isNull();
        assertThat(held()).isEqualTo(before);
        // -ENODEV means that the driver does not want the device; that is no error to report.
        assertThat(test.logged("00:01")).isFalse();
    }

    @Test
    void probe_whenTheWindowIsTaken_failsAndGivesEverythingBack() {
        core.unbind(device("0000:00:03.0"));
        Resource taken = devices.resources().requestMemRegion(card().start(2), 0x100, "other");
        assertThat(taken).isNotNull();
        List<Long> before = held();
        assertThat(core.bind(device("0000:00:03.0"), "pwfb")).isEqualTo(-Errno.EBUSY);
        assertThat(held()).isEqualTo(before);
        assertThat(test.logged("pwfb 0000:00:03.0: BAR 2: can't reserve [mem 0x"))
                .isTrue();
        assertThat(test.logged("pwfb 0000:00:03.0: probe with driver pwfb failed with error -16"))
                .isTrue();
        assertThat(card().enableCount()).isZero();
        devices.resources().releaseMemRegion(card().start(2), 0x100);
        assertThat(core.bind(device("0000:00:03.0"), "pwfb")).isZero();
    }

    /** Each allocation of each probe fails once: the probe fails, and nothing is left behind. */
    @Test
    void probe_failingAtEachAllocation_leaksNothing() {
        for (String name : List.of("00:00", "0000:00:03.0")) {
            Device device = device(name);
            String driver = Objects.requireNonNull(device.driver()).name();
            core.unbind(device);
            FailNth failNth = test.kernel.allocator().failNth();
            List<Long> before = held();
            int failures = 0;
            for (int nth = 1; ; nth++) {
                failNth.arm(nth);
                int result = core.bind(device, driver);
                boolean hasFailed = failNth.hasFailed();
                failNth.arm(0);
                if (!hasFailed) {
                    assertThat(result).isZero();
                    break;
                }
                assertThat(result).as("allocation %d of %s", nth, driver).isNegative();
                assertThat(device.devres().isEmpty()).isTrue();
                assertThat(held()).as("allocation %d of %s", nth, driver).isEqualTo(before);
                test.verify();
                failures++;
            }
            assertThat(failures).as("allocations of %s", driver).isGreaterThanOrEqualTo(3);
        }
    }

    @Test
    void unregister_thenRegister_takesTheDevicesAgain() {
        Driver serial = driver("serial");
        Driver display = driver("pwfb");
        int fd = test.open("/dev/ttyS0", OpenFile.O_RDWR);
        core.unregister(display);
        core.unregister(serial);
        assertThat(device("00:00").driver()).isNull();
        assertThat(device("00:00").devres().isEmpty()).isTrue();
        assertThat(test.kernel.files().lookup("/dev/ttyS0")).isNull();
        assertThat(test.call("write", fd, test.anonymous(1), 4)).isEqualTo(-Errno.EIO);
        assertThat(core.register(new SerialDriver(devices.services()))).isZero();
        assertThat(core.register(new FramebufferDriver(devices.services()))).isZero();
        assertThat(Objects.requireNonNull(device("00:00").driver()).name()).isEqualTo("serial");
        assertThat(test.kernel.files().lookup("/dev/fb0")).isNotNull();
    }

    @Test
    void registration_ofUnknownOrKnownDriver_warns() {
        core.unregister(new SerialDriver(devices.services()));
        assertThat(test.logged("Unexpected driver unregister!")).isTrue();
        assertThat(core.register(new SerialDriver(devices.services()))).isEqualTo(-Errno.EBUSY);
        assertThat(test.logged("Error: Driver 'serial' is already registered, aborting..."))
                .isTrue();
        assertThat(core.bind(device("00:00"), "nobody")).isEqualTo(-Errno.ENODEV);
        assertThat(core.bind(device("00:00"), "pwfb")).isEqualTo(-Errno.ENODEV);
        assertThat(core.bind(device("00:00"), "serial")).isEqualTo(-Errno.EBUSY);
    }

    @Test
    void regions_takenTwiceOrFreedTwice_areRefusedAndLogged() {
        assertThat(devices.resources().requestRegion(0x3fa, 1, "thief")).isNull();
        assertThat(devices.resources().requestMemRegion(card().start(0), 4096, "thief"))
                .isNull();
        assertThat(devices.resources().requestMemRegion(0xfee0_0000L, 4096, "apic"))
                .isNotNull();
        devices.resources().releaseMemRegion(0xfee0_0000L, 4096);
        devices.resources().releaseMemRegion(0xfee0_0000L, 4096);
        assertThat(test.logged("Trying to free nonexistent resource <0x00000000fee00000-0x00000000fee00fff>"))
                .isTrue();
        devices.resources().releaseRegion(0x3f8, 4);
        assertThat(test.logged("Trying to free nonexistent resource <0x00000000000003f8-0x00000000000003fb>"))
                .isTrue();
    }

    @Test
    void ioremap_ofRam_warnsOnceAndGivesNull() {
        assertThat(devices.ioremap().ioremap(64 * Size.MIB, 4096)).isEqualTo(Ioremap.NULL);
        assertThat(devices.ioremap().ioremap(64 * Size.MIB, 4096)).isEqualTo(Ioremap.NULL);
        assertThat(test.kernel.log().lines().stream()
                        .filter(line -> line.contains("ioremap on RAM at 0x0000000004000000 - 0x0000000004000fff")))
                .hasSize(1);
    }

    @Test
    void iounmap_ofWhatIsNotMapped_isLogged() {
        devices.ioremap().iounmap(0x1000);
        assertThat(test.logged("WARNING: at arch/x86/mm/ioremap.c iounmap()")).isTrue();
        long vaddr = devices.ioremap().ioremap(0xfed0_0000L, 4096);
        devices.ioremap().iounmap(vaddr);
        devices.ioremap().iounmap(vaddr);
        assertThat(test.logged("iounmap: bad address " + Long.toHexString(vaddr)))
                .isTrue();
    }

    @Test
    void readl_whereNoDeviceAnswers_givesAllOnes() {
        long vaddr = devices.ioremap().ioremap(0xfed0_0000L, 4096);
        assertThat(devices.memory().readl(vaddr)).isEqualTo(-1);
        assertThat(devices.memory().readb(vaddr + 3)).isEqualTo(0xff);
        devices.memory().writel(5, vaddr);
        assertThat(devices.memory().readq(vaddr)).isEqualTo(-1L);
        devices.ioremap().iounmap(vaddr);
        assertThat(devices.ports().inl(0x5000)).isEqualTo(-1);
        // Once the lazily freed address is flushed it is nobody's: the access is an oops, not a value from a device.
        test.kernel.vmalloc().purge();
        long oopses = test.kernel.kernelMemory().oopses();
        assertThat(devices.memory().readl(vaddr)).isEqualTo(-1);
        assertThat(test.kernel.kernelMemory().oopses()).isEqualTo(oopses + 1);
    }

    @Test
    void readl_ofCardAfterItsWindowsAreSwitchedOff_givesAllOnes() {
        long vaddr = devices.ioremap().ioremap(card().start(2), 4096);
        assertThat(devices.memory().readl(vaddr)).isEqualTo(FramebufferCard.ID_VALUE);
        card().writeConfig(4, 2, 0);
        assertThat(devices.memory().readl(vaddr)).isEqualTo(-1);
        card().writeConfig(4, 2, 2);
        assertThat(devices.memory().readl(vaddr)).isEqualTo(FramebufferCard.ID_VALUE);
        devices.ioremap().iounmap(vaddr);
    }

    @Test
    void managedResources_onDetach_areReleasedBackwards() {
        List<String> calls = new ArrayList<>();
        Driver recorder = new Driver() {
            @Override
            public String name() {
                return "recorder";
            }

            @Override
            public boolean matches(Device device) {
                return device.bus().equals("platform");
            }

            @Override
            public int probe(Device device) {
                device.devres().addAction(() -> calls.add("first"));
                device.devres().addAction(() -> calls.add("second"));
                return 0;
            }

            @Override
            public void remove(Device device) {
                calls.add("remove");
            }
        };
        core.register(recorder);
        core.add(Device.of("platform", "thing.0", List.of(), devices.managed()));
        core.unregister(recorder);
        assertThat(calls).containsExactly("remove", "second", "first");
    }

    @Test
    void probe_ofDeviceThatHoldsResources_isBusy() {
        Device device = Device.of("pnp", "00:02", List.of(), devices.managed());
        device.devres().addAction(() -> {});
        core.add(device);
        assertThat(test.logged("pnp 00:02: Resources present before probing")).isTrue();
        device.devres().releaseAll();
    }
}
