namespace Appliance.Bundles.Compose.Reading;

/// <summary>Guesses which known word was meant.</summary>
internal static class Spelling
{
    /// <returns>The nearest of <paramref name="known"/>; null if none is near.</returns>
    public static string? Nearest(string word, IEnumerable<string> known)
    {
        // Half the letters wrong is another word, not a slip; and nobody mistypes a novel.
        var limit = Math.Min(3, (word.Length + 1) / 3);
        if (limit == 0 || word.Length > 64)
            return null;

        return known
            .Select(k => (Word: k, Distance: Distance(word.ToLowerInvariant(), k.ToLowerInvariant())))
            .Where(c => c.Distance <= limit)
            .OrderBy(c => c.Distance)
            .ThenBy(c => c.Word)
            .Select(c => c.Word)
            .FirstOrDefault();
    }

    public static string DidYouMean(string word, IEnumerable<string> known) =>
        Nearest(word, known) is { } nearest ? $"; did you mean \"{nearest}\"?" : "";

    // Optimal string alignment: insertions, deletions, substitutions, and swaps of neighbours cost one each.
    private static int Distance(string a, string b)
    {
        var d = new int[a.Length + 1, b.Length + 1];
        for (var i = 0; i <= a.Length; i++)
            d[i, 0] = i;
        for (var j = 0; j <= b.Length; j++)
            d[0, j] = j;

        for (var i = 1; i <= a.Length; i++)
        {
            for (var j = 1; j <= b.Length; j++)
            {
                var cost = a[i - 1] == b[j - 1] ? 0 : 1;
                d[i, j] = Math.Min(Math.Min(d[i - 1, j] + 1, d[i, j - 1] + 1), d[i - 1, j - 1] + cost);
                if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                    d[i, j] = Math.Min(d[i, j], d[i - 2, j - 2] + 1);
            }
        }

        return d[a.Length, b.Length];
    }
}
