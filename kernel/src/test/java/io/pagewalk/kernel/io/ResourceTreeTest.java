package io.pagewalk.kernel.io;

import static org.assertj.core.api.Assertions.assertThat;

import io.pagewalk.base.Violations;
import io.pagewalk.kernel.syscall.Errno;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** Outcomes as kernel/resource.c of Linux gives them. */
class ResourceTreeTest {
    private final CountedObjects objects = new CountedObjects();
    private final List<String> log = new ArrayList<>();
    private final ResourceTree ports = new ResourceTree("PCI IO", 0xffff, Resource.IO, objects, log::add);

    @AfterEach
    void verify() {
        Violations violations = new Violations();
        ports.verify(violations);
        violations.throwIfAny();
        assertThat(objects.count()).as("one structure for each region").isEqualTo(ports.regions());
    }

    private String lines() {
        StringBuilder text = new StringBuilder();
        ports.forEach((resource, depth) -> text.append(" ".repeat(depth))
                .append(resource.name())
                .append(resource)
                .append('\n'));
        return text.toString();
    }

    @Test
    void requestRegion_free_isABusyChildOfTheInnermostResource() {
        ports.insertResource(new Resource("bus", 0x1000, 0x1fff, Resource.IO));
        ports.insertResource(new Resource("card", 0x1000, 0x10ff, Resource.IO));
        Resource region = Objects.requireNonNull(ports.requestRegion(0x1010, 16, "driver", 0));
        assertThat(region.has(Resource.BUSY | Resource.IO)).isTrue();
        assertThat(lines()).isEqualTo("""
                bus[io  0x1000-0x1fff]
                 card[io  0x1000-0x10ff]
                  driver[io  0x1010-0x101f]
                """);
    }

    @Test
    void requestRegion_overlappingABusyOne_isNull() {
        assertThat(ports.requestRegion(0x3f8, 8, "serial", 0)).isNotNull();
        assertThat(ports.requestRegion(0x3f8, 8, "other", 0)).isNull();
        assertThat(ports.requestRegion(0x3ff, 1, "other", 0)).isNull();
        assertThat(ports.requestRegion(0x3f0, 9, "other", 0)).isNull();
        assertThat(ports.requestRegion(0x300, 0x200, "other", 0))
                .as("around it")
                .isNull();
        assertThat(ports.requestRegion(0x3f0, 8, "other", 0)).isNotNull();
        assertThat(log).isEmpty();
    }

    @Test
    void requestRegion_reachingOutOfItsParent_isNull() {
        ports.insertResource(new Resource("bus", 0x1000, 0x1fff, Resource.IO));
        assertThat(ports.requestRegion(0x1ff8, 16, "driver", 0)).isNull();
        assertThat(ports.requestRegion(0xfff8, 16, "driver", 0))
                .as("behind the last port")
                .isNull();
        assertThat(ports.requestRegion(0x2000, 0, "driver", 0))
                .as("no port at all")
                .isNull();
    }

    @Test
    void requestRegion_withoutMemory_isNullAndLeavesNothing() {
        objects.failNth(1);
        assertThat(ports.requestRegion(0x3f8, 8, "serial", 0)).isNull();
        assertThat(ports.requestRegion(0x3f8, 8, "serial", 0)).isNotNull();
    }

    @Test
    void requestRegion_muxedWhileMuxed_isRefusedUntilReleased() {
        assertThat(ports.requestRegion(0x2e, 2, "superio", Resource.MUXED)).isNotNull();
        assertThat(ports.requestRegion(0x2e, 2, "watchdog", Resource.MUXED)).isNull();
        ports.releaseRegion(0x2e, 2);
        assertThat(ports.requestRegion(0x2e, 2, "watchdog", Resource.MUXED)).isNotNull();
    }

    @Test
    void releaseRegion_notRequested_warnsAndChangesNothing() {
        ports.requestRegion(0x3f8, 8, "serial", 0);
        ports.releaseRegion(0x3f8, 4);
        ports.releaseRegion(0x300, 8);
        assertThat(log)
                .containsExactly(
                        "Trying to free nonexistent resource <0x00000000000003f8-0x00000000000003fb>",
                        "Trying to free nonexistent resource <0x0000000000000300-0x0000000000000307>");
        assertThat(ports.regions()).isEqualTo(1);
        ports.releaseRegion(0x3f8, 8);
        ports.releaseRegion(0x3f8, 8);
        assertThat(log).hasSize(3);
        assertThat(ports.regions()).isZero();
    }

    @Test
    void releaseRegion_ofAFirmwareResource_warnsAndKeepsIt() {
        ports.insertResource(new Resource("bus", 0x1000, 0x1fff, Resource.IO));
        ports.releaseRegion(0x1000, 0x1000);
        assertThat(log).hasSize(1);
        assertThat(lines()).startsWith("bus");
    }

    @Test
    void insertResource_aroundOthers_takesThemIn() {
        ports.requestRegion(0x20, 2, "pic1", 0);
        ports.requestRegion(0x40, 4, "timer0", 0);
        ports.requestRegion(0x2000, 4, "far", 0);
        assertThat(ports.insertResource(new Resource("bus", 0, 0xcf7, Resource.IO)))
                .isZero();
        assertThat(lines()).isEqualTo("""
                bus[io  0x0000-0x0cf7]
                 pic1[io  0x0020-0x0021]
                 timer0[io  0x0040-0x0043]
                far[io  0x2000-0x2003]
                """);
        assertThat(ports.insertResource(new Resource("half", 0x41, 0x2001, Resource.IO)))
                .isEqualTo(-Errno.EBUSY);
        Resource same = new Resource("inner", 0, 0xcf7, Resource.IO);
        assertThat(ports.insertResource(same))
                .as("of two equal ones the later is the outer")
                .isZero();
        assertThat(lines()).startsWith("inner[io  0x0000-0x0cf7]\n bus[io  0x0000-0x0cf7]\n  pic1");
        assertThat(ports.removeResource(same)).isZero();
        assertThat(lines()).startsWith("bus[io  0x0000-0x0cf7]\n pic1");
        assertThat(ports.removeResource(same)).isEqualTo(-Errno.EINVAL);
    }

    @Test
    void insertExpanding_overlappingInPart_growsAndSaysSo() {
        ports.insertResource(new Resource("bus", 0x1000, 0x1fff, Resource.IO));
        ports.insertExpanding(new Resource("reserved", 0x1800, 0x2fff, Resource.IO));
        assertThat(lines()).isEqualTo("reserved[io  0x1000-0x2fff]\n bus[io  0x1000-0x1fff]\n");
        assertThat(log).containsExactly("Expanded resource reserved due to conflict with bus");
    }

    @Test
    void allocateResource_takesTheLowestAlignedGap() {
        Resource bus = new Resource("bus", 0x1000, 0x1fff, Resource.IO);
        ports.insertResource(bus);
        ports.requestRegion(0x1008, 8, "a", 0);
        ports.requestRegion(0x1040, 8, "b", 0);
        Resource card = new Resource("card", 0, 0, Resource.IO);
        assertThat(ports.allocateResource(bus, card, 32, 0x1000, 0x1fff, 32)).isZero();
        assertThat(card.start()).isEqualTo(0x1020);
        Resource high = new Resource("high", 0, 0, Resource.IO);
        assertThat(ports.allocateResource(bus, high, 32, 0x1fe0, 0x1fff, 32)).isZero();
        assertThat(high.start()).isEqualTo(0x1fe0);
        Resource large = new Resource("large", 0, 0, Resource.IO);
        assertThat(ports.allocateResource(bus, large, 0x1000, 0x1000, 0x1fff, 0x1000))
                .isEqualTo(-Errno.EBUSY);
        assertThat(large.parent()).isNull();
    }

    @Test
    void isSaneMapping_acrossTheBorderOfADevice_warns() {
        ports.insertResource(new Resource("0000:00:02.0", 0x4000, 0x4fff, Resource.MEM));
        assertThat(ports.isSaneMapping(0x4000, 0x1000)).isTrue();
        assertThat(ports.isSaneMapping(0x4800, 0x1000)).isFalse();
        assertThat(log)
                .containsExactly("resource sanity check: requesting [mem 0x0000000000004800-0x00000000000057ff],"
                        + " which spans more than 0000:00:02.0 [mem 0x00004000-0x00004fff]");
    }
}
