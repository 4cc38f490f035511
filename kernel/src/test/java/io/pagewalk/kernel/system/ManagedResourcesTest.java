package io.pagewalk.kernel.system;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.bus.FramebufferCard;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.kernel.devres.Device;
import io.pagewalk.kernel.devres.Driver;
import io.pagewalk.kernel.devres.ManagedMemory;
import io.pagewalk.kernel.io.CacheMode;
import io.pagewalk.kernel.io.PciDevice;
import io.pagewalk.kernel.io.Resource;
import io.pagewalk.kernel.page.FailNth;
import io.pagewalk.kernel.page.Gfp;
import io.pagewalk.kernel.slub.KmemCache;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.function.IntSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Each kind of managed resource on a running kernel. Outcomes as {@code drivers/base/devres.c}, {@code lib/devres.c} and {@code kernel/resource.c} of Linux give them. */
class ManagedResourcesTest {
    private static final long APIC = 0xfed0_0000L;

    private final TestKernel test = TestKernel.boot(new DeviceDescription.Framebuffer(1, 2 * Size.MIB));
    private final DeviceLayer layer = test.kernel.devices();
    private final Device device = Device.of("platform", "thing.0", List.of(), layer.managed());
    private final PciDevice card = Objects.requireNonNull(
            Objects.requireNonNull(layer.core().device("0000:00:01.0")).pci());
    private List<Long> before = List.of();

    @BeforeEach
    void count() {
        layer.core().unbind(Objects.requireNonNull(layer.core().device("0000:00:01.0")));
        before = held();
    }

    @AfterEach
    void nothingIsLeft() {
        test.verify();
        device.devres().releaseAll();
        assertThat(held()).isEqualTo(before);
        test.verify();
    }

    private List<Long> held() {
        return List.of(
                (long) layer.resources().iomem().regions(),
                (long) layer.resources().ioports().regions(),
                (long) layer.memtypes().count(),
                (long) test.kernel.vmalloc().areas().size(),
                test.kernel.slabs().caches().stream()
                        .mapToLong(KmemCache::allocatedObjects)
                        .sum());
    }

    @Test
    void memory_ofEachKind_isZeroedOrNotAndFreed() {
        long zeroed = device.memory().kzalloc(100, Gfp.GFP_KERNEL);
        assertThat(zeroed).isNotZero();
        assertThat(layer.memory().readb(zeroed + 99)).isZero();
        layer.memory().writel(0x1234_5678, zeroed);
        assertThat(layer.memory().readl(zeroed)).isEqualTo(0x1234_5678);
        assertThat(device.memory().kmalloc(0, Gfp.GFP_KERNEL)).isEqualTo(ManagedMemory.ZERO_SIZE_PTR);
        assertThat(device.memory().kcalloc(1L << 32, 1L << 32, Gfp.GFP_KERNEL)).isZero();
        assertThat(device.memory().kmalloc(Long.MAX_VALUE, Gfp.GFP_KERNEL)).isZero();
        assertThat(device.memory().kmalloc(64 * Size.KIB, Gfp.GFP_KERNEL)).isNotZero();
        assertThat(device.memory().kcalloc(10, 10, Gfp.GFP_KERNEL)).isNotZero();
        assertThat(device.devres().count()).isEqualTo(3);
        device.memory().kfree(ManagedMemory.ZERO_SIZE_PTR);
        device.memory().kfree(zeroed);
        assertThat(device.devres().count()).isEqualTo(2);
        device.memory().kfree(zeroed);
        assertThat(test.logged("WARNING: at drivers/base/devres.c devm_kfree()"))
                .isTrue();
    }

    @Test
    void pages_areFreedOnce() {
        long pages = device.memory().getFreePages(Gfp.GFP_KERNEL | Gfp.ZERO, 2);
        assertThat(pages & 0x3fff).isZero();
        assertThat(layer.memory().readq(pages + 0x3ff8)).isZero();
        device.memory().freePages(pages);
        device.memory().freePages(pages);
        assertThat(test.logged("WARNING: at drivers/base/devres.c devm_free_pages()"))
                .isTrue();
        assertThat(device.memory().getFreePages(Gfp.GFP_KERNEL, 11)).isZero();
    }

    @Test
    void regions_areRefusedWhenTaken_andFreedOnce() {
        assertThat(device.io().requestRegion(0x5000, 16, "thing")).isNotNull();
        assertThat(device.io().requestRegion(0x500f, 1, "thing")).isNull();
        assertThat(device.io().requestMemRegion(APIC, 4096, "thing")).isNotNull();
        device.io().releaseMemRegion(APIC, 4096);
        device.io().releaseMemRegion(APIC, 4096);
        assertThat(test.logged("Trying to free nonexistent resource <0x00000000fed00000-0x00000000fed00fff>"))
                .isTrue();
        assertThat(test.logged("WARNING: at kernel/resource.c __devm_release_region()"))
                .isTrue();
        device.io().releaseRegion(0x5000, 16);
        assertThat(device.devres().isEmpty()).isTrue();
    }

    @Test
    void mappings_haveTheirCacheMode() {
        assertThat(device.io().ioremap(APIC, 4096)).isNotZero();
        assertThat(device.io().ioremapWc(APIC + 0x1000, 4096)).isNotZero();
        long strong = device.io().ioremapUc(APIC + 0x2000, 4096);
        assertThat(layer.memtypes().lookup(APIC)).isEqualTo(CacheMode.UNCACHED_MINUS);
        assertThat(layer.memtypes().lookup(APIC + 0x1000)).isEqualTo(CacheMode.WRITE_COMBINING);
        assertThat(layer.memtypes().lookup(APIC + 0x2000)).isEqualTo(CacheMode.UNCACHED);
        device.io().iounmap(strong);
        device.io().iounmap(strong);
        assertThat(test.logged("WARNING: at lib/devres.c devm_iounmap()")).isTrue();
        assertThat(test.logged("iounmap: bad address " + Long.toHexString(strong)))
                .isTrue();
        assertThat(device.io().ioremap(16 * Size.MIB, 4096)).as("RAM").isZero();
    }

    @Test
    void ioremapResource_takesNamesAndMaps() {
        long registers = device.io().ioremapResource(card.resource(2));
        assertThat(Errno.isError(registers)).isFalse();
        card.enable();
        assertThat(layer.memory().readl(registers)).isEqualTo(FramebufferCard.ID_VALUE);
        card.disable();
        assertThat(device.devres().count()).as("name, region, mapping").isEqualTo(3);
        Resource region = Objects.requireNonNull(card.resource(2)).child();
        assertThat(Objects.requireNonNull(region).name()).isEqualTo("thing.0 0000:00:01.0");
        assertThat(device.io().ioremapResource(card.resource(2))).isEqualTo(-Errno.EBUSY);
        assertThat(test.logged("platform thing.0: error -EBUSY: can't request region for resource [mem 0x"))
                .isTrue();
        assertThat(device.io().ioremapResource(null)).isEqualTo(-Errno.EINVAL);
        assertThat(device.io().ioremapResource(new Resource("ports", 0, 7, Resource.IO)))
                .isEqualTo(-Errno.EINVAL);
        assertThat(test.logged("platform thing.0: error -EINVAL: invalid resource [io  0x0000-0x0007]"))
                .isTrue();
    }

    /** A driver that takes one resource of each kind. */
    private final class GreedyDriver implements Driver {
        private final List<String> calls = new ArrayList<>();
        private int failingStep = -1;

        @Override
        public String name() {
            return "greedy";
        }

        @Override
        public boolean matches(Device candidate) {
            return candidate == device;
        }

        @Override
        public int probe(Device target) {
            List<IntSupplier> steps = List.of(
                    () -> target.memory().kzalloc(256, Gfp.GFP_KERNEL) == 0 ? -Errno.ENOMEM : 0,
                    () -> target.devres().addActionOrReset(() -> calls.add("memory used")),
                    () -> target.memory().getFreePages(Gfp.GFP_KERNEL, 1) == 0 ? -Errno.ENOMEM : 0,
                    () -> target.devres().openGroup(1, Gfp.GFP_KERNEL) == 0 ? -Errno.ENOMEM : 0,
                    () -> target.io().requestRegion(0x6000, 8, name()) == null ? -Errno.EBUSY : 0,
                    () -> {
                        target.devres().closeGroup(1);
                        return 0;
                    },
                    () -> (int) Math.min(0, asErrno(target.io().ioremapResource(card.resource(2)))),
                    () -> target.io().ioremapWc(card.start(0), card.length(0)) == 0 ? -Errno.ENOMEM : 0,
                    () -> target.devres().addActionOrReset(() -> calls.add("mappings used")));
            for (int i = 0; i < steps.size(); i++) {
                int error = i == failingStep ? -Errno.EIO : steps.get(i).getAsInt();
                if (error != 0) {
                    return error;
                }
            }
            return failingStep == steps.size() ? -Errno.EIO : 0;
        }

        private long asErrno(long address) {
            return Errno.isError(address) ? address : 0;
        }
    }

    @Test
    void probe_failingAtEachStep_leavesNothing() {
        GreedyDriver driver = new GreedyDriver();
        layer.core().register(driver);
        layer.core().add(device);
        assertThat(device.driver()).isSameAs(driver);
        layer.core().unbind(device);
        assertThat(driver.calls).containsExactly("mappings used", "memory used");
        assertThat(held()).isEqualTo(before);
        for (int step = 0; step <= 9; step++) {
            driver.failingStep = step;
            assertThat(layer.core().bind(device, "greedy")).isEqualTo(-Errno.EIO);
            assertThat(device.devres().isEmpty()).as("step %d", step).isTrue();
            assertThat(held()).as("step %d", step).isEqualTo(before);
            test.verify();
        }
        assertThat(test.logged("greedy thing.0: probe with driver greedy failed with error -5"))
                .isTrue();
    }

    @Test
    void probe_failingAtEachAllocation_leavesNothing() {
        GreedyDriver driver = new GreedyDriver();
        layer.core().register(driver);
        layer.core().add(device);
        layer.core().unbind(device);
        FailNth failNth = test.kernel.allocator().failNth();
        int failures = 0;
        for (long nth = 1; ; nth++) {
            driver.calls.clear();
            failNth.arm(nth);
            int result = layer.core().bind(device, "greedy");
            boolean hasFailed = failNth.hasFailed();
            failNth.arm(0);
            if (!hasFailed) {
                assertThat(result).isZero();
                break;
            }
            assertThat(result).as("allocation %d", nth).isNegative();
            assertThat(held()).as("allocation %d", nth).isEqualTo(before);
            test.verify();
            failures++;
        }
        // Nine entries and what regions, memory types and mapped areas need beside them.
        assertThat(failures).isGreaterThanOrEqualTo(12);
        layer.core().unregister(driver);
    }
}
