package io.pagewalk.lab.machines;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.DeviceDescription;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class MachineCatalogueTest {
    @TempDir
    @SuppressWarnings("NullAway.Init") // JUnit sets it
    private Path directory;

    @Test
    void find_eachShippedName_describesThatMachine() {
        for (String name : MachineCatalogue.names()) {
            MachineSpec machine = MachineCatalogue.find(name);
            assertThat(machine.name()).isEqualTo(name);
            assertThat(MachineBuilder.build(machine).name()).isEqualTo(name);
            assertThat(machine.nodes().stream()
                            .mapToInt(node -> node.cpus().size())
                            .sum())
                    .isEqualTo(machine.cpus());
        }
    }

    @Test
    void find_unknownName_listsTheValidOnes() {
        assertThatThrownBy(() -> MachineCatalogue.find("mainframe"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("'mainframe'")
                .hasMessageContaining(
                        "laptop, server-2node, server-1t, i386-512m, i386-2g, i386-2g-2g, riscv-board, host");
    }

    @Test
    void ram_belowPciHole_isOnePieceBehindTheFirstMegabyte() {
        MachineSpec machine = new MachineChanges("512M", null, null).applyTo(MachineCatalogue.find("laptop"));
        assertThat(machine.firmware().getLast())
                .isEqualTo(new FirmwareRange(Size.MIB, 512 * Size.MIB, FirmwareRange.USABLE));
    }

    @Test
    void ram_aboveThePciHole_continuesAtFourGigabytes() {
        MachineSpec machine = new MachineChanges("8G", null, null).applyTo(MachineCatalogue.find("laptop"));
        assertThat(machine.firmware().get(2))
                .isEqualTo(new FirmwareRange(Size.MIB, 3 * Size.GIB, FirmwareRange.USABLE));
        assertThat(machine.firmware().get(3))
                .isEqualTo(new FirmwareRange(4 * Size.GIB, 9 * Size.GIB, FirmwareRange.USABLE));
    }

    @Test
    void ram_tooSmall_namesTheSmallestAccepted() {
        assertThatThrownBy(() -> new MachineChanges("12K", null, null).applyTo(MachineCatalogue.find("laptop")))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("--ram: found '12K', expected at least 64M");
    }

    @Test
    void nodes_four_divideMemoryAndCpusWithoutGap() {
        MachineSpec machine = new MachineChanges(null, 4, null).applyTo(MachineCatalogue.find("laptop"));
        assertThat(machine.nodes()).hasSize(4);
        assertThat(machine.nodes()).allSatisfy(node -> assertThat(node.cpus()).hasSize(2));
        for (int node = 1; node < 4; node++) {
            assertThat(machine.nodes().get(node).ranges().getFirst().start())
                    .isEqualTo(machine.nodes().get(node - 1).ranges().getLast().end());
        }
        assertThat(machine.distances().get(1)).containsExactly(21, 10, 21, 21);
    }

    @Test
    void read_unknownKey_namesFileLineAndKeys() throws IOException {
        Path file = Files.writeString(directory.resolve("m.yaml"), "name: a\ncpu: b\ncpus: 1\nram: 1G\nbananas: 3\n");
        assertThatThrownBy(() -> MachineCatalogue.find(file.toString()))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:5: found unknown key 'bananas', expected one of name, summary, cpu");
    }

    @Test
    void read_brokenYaml_namesTheLine() throws IOException {
        Path file = Files.writeString(directory.resolve("m.yaml"), "name: a\ncpu: [b\nram: 1G\n");
        assertThatThrownBy(() -> MachineCatalogue.find(file.toString()))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:3");
    }

    @Test
    void read_firmwareThatOverlaps_isRefusedWithItsLine() throws IOException {
        Path file = Files.writeString(
                directory.resolve("m.yaml"),
                "name: a\ncpu: b\ncpus: 1\nfirmware:\n  - 0-fffffff System RAM\n  - 8000000-1fffffff System RAM\n");
        assertThatThrownBy(() -> MachineCatalogue.find(file.toString()))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:5")
                .hasMessageContaining("ascending order");
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "x86-64-4level | {type: floppy} | type: found 'floppy', expected uart or framebuffer",
                "x86-64-4level | {type: uart, port: 3g8} | port: found '3g8', expected an I/O port in hexadecimal",
                "x86-64-4level | {type: uart, port: ffff} | expected a port from 0 to fff8",
                "x86-64-4level | {type: framebuffer, slot: 1, ram: 3M} | a power of two from 2M to 16G",
                "x86-64-4level | {type: framebuffer, slot: 32, ram: 4M} | 1 to 31",
                "x86-64-4level | {type: uart, slot: 1} | unknown key 'slot', expected one of type, port",
                "x86-64-4level | {type: uart}, {type: uart} | found a second device at port 3f8",
                "sv39 | {type: uart} | paging sv39, expected devices only on x86-64 and i386"
            })
    void devices_thatCannotBe_areRefusedWithTheirLine(String paging, String devices, String message)
            throws IOException {
        Path file = Files.writeString(
                directory.resolve("m.yaml"),
                "name: a\ncpu: icelake\npaging: " + paging + "\ncpus: 1\nram: 512M\ndevices: [" + devices + "]\n");
        assertThatThrownBy(() -> MachineCatalogue.find(file.toString()))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:6")
                .hasMessageContaining(message);
    }

    @Test
    void devices_ofShippedMachines_areOnTheirBuses() {
        assertThat(MachineBuilder.build(MachineCatalogue.find("laptop")).devices())
                .containsExactly(
                        new DeviceDescription.Uart(0x3f8), new DeviceDescription.Framebuffer(2, 256 * Size.MIB));
        assertThat(MachineBuilder.build(MachineCatalogue.find("i386-2g")).devices())
                .hasSize(3);
        // Another amount of memory keeps them.
        assertThat(new MachineChanges("8G", 2, "skylake")
                        .applyTo(MachineCatalogue.find("laptop"))
                        .devices())
                .hasSize(2);
    }

    @Test
    void protectionKeys_areThoseOfTheModelUnlessTold() throws IOException {
        assertThat(protectionKeys("cpu: icelake")).isTrue();
        assertThat(protectionKeys("cpu: skylake")).isFalse();
        assertThat(protectionKeys("cpu: skylake\npku: true"))
                .as("Xeon Scalable")
                .isTrue();
        assertThat(protectionKeys("cpu: zen4\npku: false")).isFalse();
        assertThat(new MachineChanges(null, null, "zen2")
                        .applyTo(machine("cpu: icelake\npku: true"))
                        .protectionKeys())
                .as("another CPU is as its model is")
                .isNull();
        assertThatThrownBy(() -> protectionKeys("cpu: icelake\npku: maybe"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:5");
        assertThatThrownBy(() -> protectionKeys("cpu: sifive-u74\npaging: sv39\npku: true"))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("protection keys");
    }

    private boolean protectionKeys(String cpu) throws IOException {
        return MachineBuilder.build(machine(cpu)).cpu().hasProtectionKeys();
    }

    private MachineSpec machine(String cpu) throws IOException {
        Path file = Files.writeString(directory.resolve("m.yaml"), "name: a\ncpus: 1\nram: 512M\n" + cpu + "\n");
        return MachineCatalogue.find(file.toString());
    }

    @Test
    void host_recordedFiles_giveMapZonesAndReservations() throws IOException {
        Files.createDirectories(directory.resolve("proc"));
        // Recorded on a virtual machine with Linux 6.18; shortened to what is read.
        Files.writeString(directory.resolve("proc/zoneinfo"), """
                Node 0, zone      DMA
                  pages free     3840
                        spanned  4095
                        present  3998
                        managed  3840
                  start_pfn:           1
                Node 0, zone    DMA32
                        spanned  1044480
                        present  782336
                        managed  772915
                  start_pfn:           4096
                Node 0, zone  Movable
                        spanned  0
                        present  0
                        managed  0
                """);
        Files.writeString(directory.resolve("proc/iomem"), """
                00000000-00000fff : Reserved
                00001000-0009fbff : System RAM
                0009fc00-000fffff : Reserved
                  000f0000-000fffff : System ROM
                00100000-bfffffff : System RAM
                  01000000-0220bb07 : Kernel code
                c0001000-eebfffff : PCI Bus 0000:00
                """);
        Files.writeString(
                directory.resolve("proc/cpuinfo"),
                "processor\t: 0\nvendor_id\t: AuthenticAMD\ncpu family\t: 25\nmodel\t\t: 17\nflags\t\t: fpu lm pae pku\n");
        MachineSpec host = HostMachine.describe(directory);
        assertThat(host.bootReserved()).containsEntry("0:DMA", 158L).containsEntry("0:DMA32", 9421L);
        assertThat(host.firmware().get(1)).isEqualTo(new FirmwareRange(0x1000, 0x9fc00, FirmwareRange.USABLE));
        assertThat(host.kernelImage()).containsExactly(new FirmwareRange(0x1000000, 0x220bb08, "Kernel code"));
        assertThat(host.cpuModel()).isEqualTo("zen4");
        assertThat(MachineBuilder.build(host).cpu().hasProtectionKeys())
                .as("the part has them (pku), the kernel does not use them (no ospke)")
                .isFalse();
    }

    @Test
    void host_addressesHidden_takesTheBordersOfTheZones() throws IOException {
        Files.createDirectories(directory.resolve("proc"));
        Files.writeString(directory.resolve("proc/zoneinfo"), """
                Node 0, zone      DMA
                        spanned  4095
                        present  3998
                        managed  3840
                  start_pfn:           1
                Node 0, zone    DMA32
                        spanned  1044480
                        present  782336
                        managed  772915
                  start_pfn:           4096
                """);
        Files.writeString(directory.resolve("proc/iomem"), "00000000-00000000 : System RAM\n");
        MachineSpec host = HostMachine.describe(directory);
        // The first zone's hole is the one below 1 MiB; the second's lies at its end.
        assertThat(host.firmware())
                .containsExactly(
                        new FirmwareRange(0x1000, 0x9f000, FirmwareRange.USABLE),
                        new FirmwareRange(0x9f000, 0x100000, FirmwareRange.RESERVED),
                        new FirmwareRange(0x100000, 0x1000000, FirmwareRange.USABLE),
                        new FirmwareRange(0x1000000, 0xc0000000L, FirmwareRange.USABLE));
    }

    @ParameterizedTest
    @CsvSource({
        "i386-pae, 2G/2G, 80000000",
        "i386-pae, 1G/3G, 40000000",
        "i386, 3G/1G-opt, b0000000",
        "i386, 2G/2G-opt, 78000000",
        "i386, 3G/1G, c0000000"
    })
    void split_ofKconfig_placesTheDirectMap(String paging, String split, String pageOffset) throws IOException {
        // CONFIG_PAGE_OFFSET of each choice in arch/x86/Kconfig.
        Path file = Files.writeString(
                directory.resolve("m.yaml"),
                "name: a\ncpu: pentium-m\npaging: " + paging + "\ncpus: 1\nram: 512M\nsplit: " + split + "\n");
        assertThat(MachineBuilder.build(MachineCatalogue.find(file.toString()))
                        .kernel()
                        .pageOffset())
                .isEqualTo(Long.parseLong(pageOffset, 16));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            quoteCharacter = '"',
            value = {
                "i386-pae | 3G/1G-opt | '3G/1G-opt', expected one of 3G/1G, 2G/2G, 1G/3G with paging i386-pae",
                "i386 | 4G/4G | '4G/4G', expected one of 3G/1G, 3G/1G-opt, 2G/2G, 2G/2G-opt, 1G/3G with paging i386",
                "sv39 | 2G/2G | paging sv39, expected a split only with paging i386 or i386-pae"
            })
    void split_thatTheKernelCannotBeBuiltWith_isRefusedWithItsLine(String paging, String split, String message)
            throws IOException {
        Path file = Files.writeString(
                directory.resolve("m.yaml"),
                "name: a\ncpu: pentium-m\npaging: " + paging + "\ncpus: 1\nram: 512M\nsplit: " + split + "\n");
        assertThatThrownBy(() -> MachineCatalogue.find(file.toString()))
                .isInstanceOf(BadInput.class)
                .hasMessageContaining("m.yaml:6 split: found " + message);
    }
}
