using System.Globalization;

namespace Appliance.Agent.Ingress;

/// <summary>HAProxy's processes.</summary>
/// <param name="Current">The pid of the one that accepts connections; null: there is none.</param>
/// <param name="Old">Pids of those that end what was under way before a reload.</param>
/// <param name="Reloads">How often the master has read its file again.</param>
/// <param name="FailedReloads">How often in a row it did so in vain: what runs is not what the file says.</param>
internal sealed record Workers(int? Current, IReadOnlyList<int> Old, int Reloads, int FailedReloads, string Version)
{
    /// <summary>The pid of the one that has started all others; null: it is not told.</summary>
    public int? Master { get; init; }

    /// <summary>Reads the answer to <c>show proc</c>.</summary>
    /// <exception cref="HaproxyException">It is none.</exception>
    public static Workers Parse(string answer)
    {
        if (!answer.StartsWith("#<PID>", StringComparison.Ordinal))
            throw new HaproxyException($"not an answer to show proc: {RuntimeApi.Brief(answer)}", isGone: false);
        int? current = null;
        int? master = null;
        List<int> old = [];
        var (isOld, reloads, failed, version) = (false, 0, 0, "");
        foreach (var line in answer.Split('\n'))
        {
            if (line.StartsWith("# ", StringComparison.Ordinal))
                isOld = line.StartsWith("# old", StringComparison.Ordinal);
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 3 || !int.TryParse(words[0], CultureInfo.InvariantCulture, out var pid))
                continue;
            if (words[1] == "master")
            {
                master = pid;
                version = words[^1];
                _ = int.TryParse(words[2], CultureInfo.InvariantCulture, out reloads);
                var at = Array.IndexOf(words, "[failed:");
                if (at > 0 && at + 1 < words.Length)
                    _ = int.TryParse(words[at + 1].TrimEnd(']'), CultureInfo.InvariantCulture, out failed);
            }
            else if (words[1] == "worker")
            {
                if (isOld)
                    old.Add(pid);
                else
                    current = pid;
            }
        }
        return new Workers(current, old, reloads, failed, version) { Master = master };
    }
}
