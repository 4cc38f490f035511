package io.pagewalk.lab.machines;

import io.pagewalk.base.BadInput;
import io.pagewalk.base.Size;
import io.pagewalk.hardware.machine.DeviceDescription;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** The reader of {@code devices:} in a machine description. */
final class DeviceYaml {
    private static final int FIRST_SERIAL_PORT = 0x3f8;

    private DeviceYaml() {}

    /**
     * Reads the devices of a description.
     *
     * @param yaml the whole description
     * @param paging its paging mode
     * @throws BadInput with file and line for devices that this machine cannot have
     */
    static List<DeviceDescription> read(YamlMap yaml, String paging) {
        List<DeviceDescription> devices = new ArrayList<>();
        if (!yaml.has("devices")) {
            return devices;
        }
        if (PagingMode.byName(paging).architecture() == PagingMode.Architecture.RISCV64) {
            throw new BadInput(yaml.where("devices"), "paging " + paging, "devices only on x86-64 and i386");
        }
        Set<String> places = new HashSet<>();
        for (YamlMap map : yaml.maps("devices")) {
            DeviceDescription device = device(map);
            String place = switch (device) {
                case DeviceDescription.Uart uart -> "port " + Integer.toHexString(uart.port());
                case DeviceDescription.Framebuffer card -> "slot " + card.slot();
            };
            if (!places.add(place)) {
                throw new BadInput(map.where("type"), "a second device at " + place, "each device at its own place");
            }
            devices.add(device);
        }
        return devices;
    }

    private static DeviceDescription device(YamlMap map) {
        String type = map.text("type");
        try {
            switch (type) {
                case "uart" -> {
                    map.allowOnly(new LinkedHashSet<>(List.of("type", "port")));
                    return new DeviceDescription.Uart(port(map));
                }
                case "framebuffer" -> {
                    map.allowOnly(new LinkedHashSet<>(List.of("type", "slot", "ram")));
                    return new DeviceDescription.Framebuffer(
                            (int) map.number("slot", 1, 31), Size.parse(map.where("ram"), map.text("ram")));
                }
                default -> throw new BadInput(map.where("type"), "'" + type + "'", "uart or framebuffer");
            }
        } catch (IllegalArgumentException e) {
            throw new BadInput(
                    map.where("type"),
                    String.valueOf(e.getMessage()),
                    "a port from 0 to fff8, or RAM of a power of two from 2M to 16G");
        }
    }

    private static int port(YamlMap map) {
        String text = map.text("port", Integer.toHexString(FIRST_SERIAL_PORT));
        if (!text.matches("(0x)?[0-9a-fA-F]{1,4}")) {
            throw new BadInput(map.where("port"), "'" + text + "'", "an I/O port in hexadecimal, such as 3f8");
        }
        return Integer.parseInt(text.replaceFirst("^0x", ""), 16);
    }
}
