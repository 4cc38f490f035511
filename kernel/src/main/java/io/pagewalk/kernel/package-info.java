/** Linux's memory management, one package per Linux concept, on simulated hardware. */
@NullMarked
package io.pagewalk.kernel;

import org.jspecify.annotations.NullMarked;
