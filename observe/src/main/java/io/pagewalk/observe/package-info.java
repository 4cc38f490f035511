/**
 * Reads the kernel the way people and tools look at a Linux machine: {@code proc} prints its {@code /proc}, {@code ledger} accounts for each
 * frame, {@code files} writes results so that no half file is ever seen. The kernel never knows that it is read.
 */
@NullMarked
package io.pagewalk.observe;

import org.jspecify.annotations.NullMarked;
