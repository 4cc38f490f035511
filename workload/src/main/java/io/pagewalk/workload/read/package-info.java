/**
 * Readers of recorded accesses in other tools' formats: each turns a stream of bytes into calls of {@link io.pagewalk.workload.trace.AccessSink}.
 *
 * <p>{@link io.pagewalk.workload.read.TraceFormat} tells by content which format a file has. {@link io.pagewalk.workload.read.LackeyReader} reads valgrind's
 * lackey text with system calls and scheduling lines, {@link io.pagewalk.workload.read.QemuReader} the records of Pagewalk's own TCG plugin, and
 * {@link io.pagewalk.workload.read.PlainReader} texts of one access a line. What is no trace stops with {@link io.pagewalk.base.BadInput}, which names the line or the byte.
 *
 * <p>Readers keep the tools' addresses and order. They do not invent accesses that a tool cannot see, such as the kernel's copies into user buffers: the simulated
 * kernel makes those itself when it serves the call.
 */
@NullMarked
package io.pagewalk.workload.read;

import org.jspecify.annotations.NullMarked;
