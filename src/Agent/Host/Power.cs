namespace Appliance.Agent.Host;

/// <summary>The machine's own power.</summary>
internal sealed class Power(Systemctl systemctl)
{
    // It answers once the shutdown has begun.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    /// <summary>Why it cannot be switched from here; null: it can.</summary>
    public string? WhyNot => systemctl.IsThere ? null : "systemd does not run the agent";

    /// <returns>Null: the machine goes down. Otherwise why not.</returns>
    public Task<string?> RebootAsync(CancellationToken ct) => systemctl.RunAsync(Patience, ["reboot"], ct);
}
