"""The whole product on one machine: private services where no external one is named, all under one supervisor."""
