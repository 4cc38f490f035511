/**
 * Block devices: sparse contents behind a latency, a bandwidth and a queue.
 *
 * <p>Swap and files live on them. A request is submitted at a simulated time and answered with its time of completion; who waits for it is the kernel's matter
 * (Linux: {@code block/blk-mq.c}).
 *
 * <p>Simplified: no seeks, no device cache, no reordering, no errors.
 */
@NullMarked
package io.pagewalk.hardware.disk;

import org.jspecify.annotations.NullMarked;
