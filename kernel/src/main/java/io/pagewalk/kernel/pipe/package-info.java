/**
 * Pipes, as far as memory is concerned: their buffers are pages of their own, or pages of a program that {@code vmsplice()} has lent them ({@code fs/pipe.c}, {@code fs/splice.c}).
 *
 * <p>Simplified: {@code splice()}, {@code tee()}, named pipes and packets are not there; a write to a pipe that nobody reads gives EPIPE and sends no signal.
 */
@NullMarked
package io.pagewalk.kernel.pipe;

import org.jspecify.annotations.NullMarked;
