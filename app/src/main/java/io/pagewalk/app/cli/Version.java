package io.pagewalk.app.cli;

import io.pagewalk.lab.LinuxVersion;

/** What {@code --version} prints. */
final class Version {
    /** The version of Pagewalk, as in {@code pom.xml}. */
    static final String PAGEWALK = "0.1.0";

    private Version() {}

    static String line() {
        return "pagewalk " + PAGEWALK + " (models Linux " + LinuxVersion.modelled() + ")";
    }
}
