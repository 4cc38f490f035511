/** The simulated machine below any kernel: memory, paging, TLBs, CPUs, NUMA, disks. */
@NullMarked
package io.pagewalk.hardware;

import org.jspecify.annotations.NullMarked;
