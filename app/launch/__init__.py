"""The embedded launcher behind `patchbay run`: private Redis, web, workers, sweeper, the example API."""
