"""The embedded launcher behind `patchbay run`: private Redis, web, workers, sweeper and the example API in one command."""
