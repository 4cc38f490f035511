/**
 * What every layer needs and none owns: units, bits, the simulated clock, seeded randomness, digests, and the three ways to say that something is wrong.
 */
@NullMarked
package io.pagewalk.base;

import org.jspecify.annotations.NullMarked;
