package io.pagewalk.hardware.bus;

import io.pagewalk.base.Digest;

/** The host bridge in slot 0: the function that stands for the way from the CPU to the bus. It has no windows of its own. */
public final class HostBridge extends PciFunction {
    /** Vendor Intel, device 82441FX, class host bridge, as in QEMU's and Firecracker's machines. */
    public HostBridge() {
        super(0x8086, 0x1237, 0x060000, 2, 0);
    }

    @Override
    protected long readBar(int bar, long offset, int bytes) {
        return -1;
    }

    @Override
    protected void writeBar(int bar, long offset, int bytes, long value) {}

    @Override
    protected void addDeviceToDigest(Digest digest) {}
}
