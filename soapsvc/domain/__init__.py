"""The work item and its life: rules only, standard library only."""
