namespace Appliance.Bench.Switching;

/// <summary>What brings an application from one version to another while it is under load. Disposal takes it away.</summary>
internal interface IChange : IAsyncDisposable
{
    string Name { get; }

    /// <summary>What is wanted of it; the others are there to compare.</summary>
    bool IsOurs { get; }

    /// <summary>Brings up a version, where there is none, and returns where it will answer.</summary>
    Task<Uri> InstallAsync(string version, CancellationToken ct);

    /// <summary>Makes the change, and returns when whoever ordered it would be told that it is done.</summary>
    Task ChangeAsync(string version, CancellationToken ct);
}
