package io.pagewalk.oracle.fuzz;

/**
 * One thing in which the model and this computer's kernel disagree.
 *
 * @param what short name of what was compared, such as {@code result of mremap} or {@code maps}
 * @param expected what the kernel said
 * @param actual what the model said
 * @param index position of the step after which it was seen
 */
record Difference(String what, String expected, String actual, int index) {}
