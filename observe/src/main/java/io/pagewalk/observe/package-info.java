/** What can be seen of a kernel from outside; the kernel never knows it. */
@NullMarked
package io.pagewalk.observe;

import org.jspecify.annotations.NullMarked;
