using System.Runtime.CompilerServices;
using Appliance.Tuf;

namespace Tuf.Tests.Client;

/// <summary>What a repository serves, and what was asked of it.</summary>
internal sealed class Server : IMetadataSource, ITargetSource
{
    public Dictionary<string, ReadOnlyMemory<byte>> Files { get; } = [];

    public List<string> Requests { get; } = [];

    /// <summary>Puts the repository's present metadata up.</summary>
    public void Publish(Repository repository)
    {
        var set = repository.Sign();
        for (var i = 0; i < set.Roots.Count; i++)
            Files[$"{i + 1}.root.json"] = set.Roots[i];
        Files["timestamp.json"] = set.Timestamp;
        Files[$"{repository.Versions[RoleNames.Snapshot]}.snapshot.json"] = set.Snapshot;
        Files[$"{repository.Versions[RoleNames.Targets]}.targets.json"] = set.Targets;
    }

    public IReadOnlyList<string> TakeRequests()
    {
        var taken = Requests.ToList();
        Requests.Clear();
        return taken;
    }

    public Task<ReadOnlyMemory<byte>?> FetchAsync(string name, int maxBytes, CancellationToken cancellationToken)
    {
        Requests.Add(name);
        return Task.FromResult(Files.TryGetValue(name, out var bytes) ? bytes : (ReadOnlyMemory<byte>?)null);
    }

    public async IAsyncEnumerable<ReadOnlyMemory<byte>> FetchAsync(
        string path,
        [EnumeratorCancellation] CancellationToken cancellationToken
    )
    {
        Requests.Add(path);
        await Task.CompletedTask;
        yield return Files.TryGetValue(path, out var bytes)
            ? bytes
            : throw new TufException(TufFault.Unavailable, path, "is not there");
    }
}
