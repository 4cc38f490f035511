package io.pagewalk.kernel.io;

import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.FirmwareMap;
import io.pagewalk.hardware.machine.KernelImage;
import io.pagewalk.hardware.machine.MachineDescription;
import io.pagewalk.hardware.machine.MemoryRange;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.List;

/** What boot puts into the resource trees: {@code arch/x86/kernel/setup.c:setup_arch()} and {@code e820__reserve_resources()}; on RISC-V {@code init_resources()}. */
final class BootResources {
    private static final int PAGE = 4096;
    private static final String[] PORT_NAMES = {
        "dma1", "pic1", "timer0", "timer1", "keyboard", "keyboard", "dma page reg", "pic2", "dma2", "fpu"
    };
    private static final int[] PORT_STARTS = {0x00, 0x20, 0x40, 0x50, 0x60, 0x64, 0x80, 0xa0, 0xc0, 0xf0};
    private static final int[] PORT_ENDS = {0x1f, 0x21, 0x43, 0x53, 0x60, 0x64, 0x8f, 0xa1, 0xdf, 0xff};

    private BootResources() {}

    /** Fills {@code iomem_resource} with the kernel's sections and the firmware's map. Ranges that a device may turn out to own come last and do not count as busy. */
    static void addMemory(ResourceTree iomem, MachineDescription machine) {
        KernelImage image = machine.kernel();
        insertSection(iomem, image.code(), "Kernel code");
        insertSection(iomem, image.rodata(), "Kernel rodata");
        insertSection(iomem, image.data(), "Kernel data");
        insertSection(iomem, image.bss(), "Kernel bss");
        List<FirmwareMap.Entry> map = isPc(machine)
                ? trimBiosRange(machine.firmware().entries())
                : machine.firmware().entries();
        List<Resource> late = new ArrayList<>();
        for (FirmwareMap.Entry entry : map) {
            int flags = entry.type() == FirmwareMap.Type.USABLE ? Resource.SYSTEM_RAM : Resource.MEM;
            Resource resource = new Resource(entry.type().resourceName(), entry.start(), entry.end() - 1, flags);
            if (isBusy(entry)) {
                resource.setFlags(flags | Resource.BUSY);
                iomem.insertResource(resource);
            } else {
                late.add(resource);
            }
        }
        late.forEach(iomem::insertExpanding);
    }

    private static void insertSection(ResourceTree iomem, MemoryRange range, String name) {
        iomem.insertResource(new Resource(name, range.start(), range.end() - 1, Resource.SYSTEM_RAM | Resource.BUSY));
    }

    /** {@code arch/x86/kernel/e820.c:do_mark_busy()}. */
    private static boolean isBusy(FirmwareMap.Entry entry) {
        if (entry.start() < Size.MIB) {
            return true;
        }
        return switch (entry.type()) {
            case USABLE, ACPI_DATA, ACPI_NVS, UNUSABLE -> true;
            case RESERVED, PERSISTENT, SOFT_RESERVED -> false;
        };
    }

    /** {@code arch/x86/kernel/setup.c:trim_bios_range()}: page 0 and the BIOS area are not RAM, whatever the firmware says. */
    static List<FirmwareMap.Entry> trimBiosRange(List<FirmwareMap.Entry> firmware) {
        List<FirmwareMap.Entry> result = new ArrayList<>();
        for (FirmwareMap.Entry entry : firmware) {
            if (entry.start() != 0 || entry.type() != FirmwareMap.Type.USABLE || entry.end() <= PAGE) {
                result.add(entry);
                continue;
            }
            result.add(new FirmwareMap.Entry(0, PAGE, FirmwareMap.Type.RESERVED));
            result.add(new FirmwareMap.Entry(PAGE, Math.min(entry.end(), 640 * Size.KIB), entry.type()));
            if (entry.end() > Size.MIB) {
                result.add(new FirmwareMap.Entry(640 * Size.KIB, Size.MIB, FirmwareMap.Type.RESERVED));
                result.add(new FirmwareMap.Entry(Size.MIB, entry.end(), entry.type()));
            }
        }
        return result;
    }

    /** Fills {@code ioport_resource}: {@code arch/x86/kernel/setup.c:reserve_standard_io_resources()}. */
    static void addPorts(ResourceTree ioports, MachineDescription machine) {
        if (!isPc(machine)) {
            return;
        }
        for (int i = 0; i < PORT_NAMES.length; i++) {
            ioports.requestResource(
                    ioports.root(),
                    new Resource(PORT_NAMES[i], PORT_STARTS[i], PORT_ENDS[i], Resource.IO | Resource.BUSY));
        }
    }

    static boolean isPc(MachineDescription machine) {
        return machine.mode().architecture() != PagingMode.Architecture.RISCV64;
    }
}
