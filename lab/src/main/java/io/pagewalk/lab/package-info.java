/** Questions asked of whole simulated systems. */
@NullMarked
package io.pagewalk.lab;

import org.jspecify.annotations.NullMarked;
