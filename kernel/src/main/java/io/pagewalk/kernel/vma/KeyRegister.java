package io.pagewalk.kernel.vma;

/** The register of protection keys of the CPU that runs, which belongs to the running task: {@code read_pkru()} and {@code write_pkru()}. */
public interface KeyRegister {
    /** Of a machine without protection keys. */
    KeyRegister NONE = new KeyRegister() {
        @Override
        public boolean exists() {
            return false;
        }

        @Override
        public int read() {
            return 0;
        }

        @Override
        public void write(int register) {
            throw new IllegalStateException("a machine without protection keys");
        }
    };

    /** Returns whether the machine has protection keys that are switched on: {@code X86_FEATURE_OSPKE}. */
    boolean exists();

    /** Returns it; see {@link io.pagewalk.hardware.paging.Pkru}. */
    int read();

    /**
     * Writes it.
     *
     * @param register see {@link io.pagewalk.hardware.paging.Pkru}
     */
    void write(int register);
}
