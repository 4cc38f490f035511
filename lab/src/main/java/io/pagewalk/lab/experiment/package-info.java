/**
 * Experiments: small questions about memory management that are answered by running the model and measuring, and told as text, picture and JSON.
 *
 * <p>{@link io.pagewalk.lab.experiment.Report} is what each of them gives; {@link io.pagewalk.lab.experiment.Svg},
 * {@link io.pagewalk.lab.experiment.Ink} and {@link io.pagewalk.lab.experiment.Json} are what they tell it with. The experiments themselves stand in the packages
 * below. No Linux files are modelled here.
 */
@NullMarked
package io.pagewalk.lab.experiment;

import org.jspecify.annotations.NullMarked;
