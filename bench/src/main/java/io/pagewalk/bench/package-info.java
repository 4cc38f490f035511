/** JMH benchmarks, one class per hot path. */
@NullMarked
package io.pagewalk.bench;

import org.jspecify.annotations.NullMarked;
