/**
 * The conformance board: single assertions about Linux's memory calls, each made on the model and on the running kernel in a process tree of its own.
 *
 * <p>A {@code ConformanceCase} is a small piece of code against a {@code Subject}: system calls by name, loads and stores with their signals, fork and threads, files, the texts of
 * {@code /proc/PID}. The expected values stand in the case, so that a wrong case fails natively. The cases are re-expressed in our own words from the tests that others hold Linux (or
 * what is to behave as Linux) to; one class a source, named in {@code Board}. {@code Scoreboard} runs them, {@code BoardReport} prints the table, {@code ConformanceDocument} writes
 * {@code docs/CONFORMANCE.md}.
 *
 * <p>Neighbours: both machines are in {@code oracle.machine}.
 */
@NullMarked
package io.pagewalk.oracle.conformance;

import org.jspecify.annotations.NullMarked;
