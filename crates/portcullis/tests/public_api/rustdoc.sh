#!/bin/sh
# Rustdoc gives JSON only to those who ask for unstable options. Asked for here alone, not for all of the build, which would
# be built anew.
exec env RUSTC_BOOTSTRAP=1 rustdoc "$@"
