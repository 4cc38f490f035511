package io.pagewalk.hardware.cpu;

import io.pagewalk.hardware.mmu.MmuGeometry;
import io.pagewalk.hardware.paging.PagingMode;
import java.util.List;

/**
 * A named part whose address translation is modelled.
 *
 * @param name what {@code --cpu} takes
 * @param description the part in words
 * @param source where the published facts stand
 * @param assumptions which facts are assumed because no manual states them
 * @param modes the paging modes it has
 * @param mmu its translation hardware
 * @param hasProtectionKeys whether it has protection keys for user pages (PKU)
 * @param clockHz its nominal clock
 */
public record CpuModel(
        String name,
        String description,
        String source,
        String assumptions,
        List<PagingMode> modes,
        MmuGeometry mmu,
        boolean hasProtectionKeys,
        long clockHz) {
    /** Refuses a model without a paging mode or a clock. */
    public CpuModel {
        modes = List.copyOf(modes);
        if (name.isBlank() || modes.isEmpty()) {
            throw new IllegalArgumentException("CPU model '" + name + "' with " + modes.size() + " paging modes");
        }
        if (hasProtectionKeys && modes.stream().noneMatch(PagingMode::hasKeys)) {
            throw new IllegalArgumentException("CPU model '" + name + "' has no paging mode with protection keys");
        }
        if (clockHz < 1_000_000 || clockHz > 100_000_000_000L) {
            throw new IllegalArgumentException("CPU model '" + name + "' at " + clockHz + " Hz");
        }
    }

    /**
     * Returns the same part with other translation hardware.
     *
     * @param other the hardware to use
     */
    public CpuModel with(MmuGeometry other) {
        return new CpuModel(name, description, source, assumptions, modes, other, hasProtectionKeys, clockHz);
    }

    /**
     * Returns the same part with or without protection keys.
     *
     * @param has whether it has them
     */
    public CpuModel withProtectionKeys(boolean has) {
        return new CpuModel(name, description, source, assumptions, modes, mmu, has, clockHz);
    }
}
