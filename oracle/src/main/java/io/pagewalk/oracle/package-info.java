/**
 * The running kernel as judge of the model: random histories of memory calls are made on both, and whatever a program can see must be equal.
 *
 * <p>{@code History} holds one process tree twice: in {@code NativeMachine}, a small C program that performs raw calls on the Linux this runs on, and in {@code ModelMachine}, a booted
 * {@code kernel.system.LinuxKernel}. {@code Generator} chooses steps, {@code StateCheck} compares what {@code /proc} shows, {@code Shrinker} makes a failing history short,
 * {@code Listings} prints it as a C program and as a JUnit test. {@code Verification} is the whole run.
 *
 * <p>Simplified: one thread at a time runs, so that races are not explored; no reclaim, swap or huge pages. Neighbours: drives {@code kernel.system}, prints through {@code observe.proc}.
 */
@NullMarked
package io.pagewalk.oracle;

import org.jspecify.annotations.NullMarked;
