"""The backbones that come with the package, one file each."""
