package io.pagewalk.hardware.mmu;

/**
 * On whose behalf an access is made.
 *
 * <p>A supervisor may load and store user pages (as inside {@code user_access_begin()}: SMAP lifted, RISC-V SUM set) but never fetch from them (SMEP; RISC-V
 * always), and it obeys read-only pages (CR0.WP set).
 */
public enum Privilege {
    /** User mode: ring 3, RISC-V U-mode. */
    USER,
    /** Kernel mode: ring 0, RISC-V S-mode. */
    SUPERVISOR
}
