/**
 * Random histories of memory calls on the model and on the running kernel, the judge: whatever a program can see must be equal.
 *
 * <p>{@code History} holds one process tree twice, {@code Generator} chooses steps, {@code StateCheck} compares what {@code /proc} shows, {@code Shrinker} makes a failing history short,
 * {@code Listings} prints it as a C program and as a JUnit test. {@code Verification} is the whole run.
 *
 * <p>Simplified: one thread at a time runs, so that races are not explored; no reclaim, swap or huge pages. Neighbours: both machines are in {@code oracle.machine}.
 */
@NullMarked
package io.pagewalk.oracle.fuzz;

import org.jspecify.annotations.NullMarked;
