"""The channels: one file per kind of way in; a plugin adds one by the entry point group `patchbay.channels`."""
