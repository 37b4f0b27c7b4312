"""How fast Classmark is beside the machine's limit and its peers. Never imported by the service."""
