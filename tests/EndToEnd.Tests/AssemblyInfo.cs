// Each test holds an engine, and measures how long commands take: one at a time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
