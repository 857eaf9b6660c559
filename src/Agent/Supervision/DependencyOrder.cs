namespace Appliance.Agent.Supervision;

/// <summary>What others depend on comes before them; otherwise the order stays as it is.</summary>
internal static class DependencyOrder
{
    // Cycles were refused when a release was read; two releases mixed may have one, which is cut anywhere.
    public static IReadOnlyList<T> Of<T>(
        IEnumerable<T> items,
        Func<T, string> nameOf,
        Func<T, IEnumerable<string>> needsOf
    )
    {
        var byName = items.ToList().ToDictionary(nameOf);
        var (ordered, seen) = (new List<T>(byName.Count), new HashSet<string>());
        foreach (var item in byName.Values)
            Visit(item);
        return ordered;

        void Visit(T item)
        {
            if (!seen.Add(nameOf(item)))
                return;
            foreach (var name in needsOf(item))
            {
                if (byName.TryGetValue(name, out var needed))
                    Visit(needed);
            }
            ordered.Add(item);
        }
    }
}
