using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Options;

namespace Appliance.Agent.Ingress;

/// <summary>Section <c>ingress</c>: how the application is reached from outside.</summary>
internal sealed class IngressOptions : IValidatableObject
{
    public const string Section = "ingress";

    // A unix socket's path has 107 bytes at most, and HAProxy binds it under a longer name first.
    private const int LongestRunDirectory = 70;

    /// <summary>False: HAProxy is left as it is.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Where clients come to: an address of this machine, or <c>*</c> for all.</summary>
    public string BindAddress { get; set; } = "*";

    [Range(1, 65535)]
    public int HttpPort { get; set; } = 80;

    [Range(1, 65535)]
    public int HttpsPort { get; set; } = 443;

    /// <summary>Whether requests without TLS are sent to the port that has it.</summary>
    public bool RedirectHttp { get; set; } = true;

    /// <summary>Where HAProxy's sockets are.</summary>
    [RegularExpression("/.+", ErrorMessage = "run-directory must be an absolute path")]
    public string RunDirectory { get; set; } = "/run/appliance-ingress";

    /// <summary>The program, to check a configuration before it is used.</summary>
    [RegularExpression("/.+", ErrorMessage = "haproxy must be an absolute path")]
    public string Haproxy { get; set; } = "/usr/sbin/haproxy";

    /// <summary>Whom HAProxy runs as once it has its ports; empty: as it was started.</summary>
    [RegularExpression("[a-z_][a-z0-9_-]*|", ErrorMessage = "user must be the name of a user")]
    public string User { get; set; } = "haproxy";

    /// <summary>How long a container may take to accept a connection, before another one is tried.</summary>
    public TimeSpan ConnectTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How long a client may take to send the head of a request.</summary>
    public TimeSpan RequestTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a client's connection is kept without a request. A reload is over for all clients after this.</summary>
    public TimeSpan KeepAliveTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>How long a client may be silent within a request.</summary>
    public TimeSpan ClientTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long a container may be silent within a request.</summary>
    public TimeSpan ServerTimeout { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>How long both may be silent on a WebSocket or a TCP connection.</summary>
    public TimeSpan TunnelTimeout { get; set; } = TimeSpan.FromDays(1);

    /// <summary>What was under way before a reload is cut off after this.</summary>
    public TimeSpan HardStopAfter { get; set; } = TimeSpan.FromHours(12);

    /// <summary>
    /// Over how long clients' connections are closed after a reload. 0: each with its next answer, and none while it is
    /// idle, when a request may already be on its way.
    /// </summary>
    public TimeSpan CloseSpreadTime { get; set; } = TimeSpan.Zero;

    /// <summary>Connections of clients at a time; more wait to be accepted.</summary>
    [Range(100, 1_000_000)]
    public int Maxconn { get; set; } = 10_000;

    public string MasterSocket => Path.Combine(RunDirectory, "master.sock");

    public string WorkerSocket => Path.Combine(RunDirectory, "worker.sock");

    /// <summary>Empty, and HAProxy's root once it has opened what it needs.</summary>
    public string EmptyDirectory => Path.Combine(RunDirectory, "empty");

    public IEnumerable<ValidationResult> Validate(ValidationContext validationContext)
    {
        if (BindAddress != "*" && !IPAddress.TryParse(BindAddress, out _))
            yield return new("bind-address must be an address, or * for all");
        if (HttpPort == HttpsPort)
            yield return new("http-port and https-port must differ");
        if (RunDirectory.Length > LongestRunDirectory)
            yield return new($"run-directory must have {LongestRunDirectory} characters or less");
        foreach (var (name, value, least, most) in Durations())
        {
            if (value < least || value > most)
                yield return new($"{name} must be from {least:c} to {most:c}");
        }
        if (CloseSpreadTime >= HardStopAfter)
            yield return new("close-spread-time must be shorter than hard-stop-after");
    }

    private IEnumerable<(string Name, TimeSpan Value, TimeSpan Least, TimeSpan Most)> Durations()
    {
        var (second, day) = (TimeSpan.FromSeconds(1), TimeSpan.FromDays(1));
        // HAProxy counts in milliseconds, in 31 bits.
        var longest = TimeSpan.FromDays(24);
        yield return ("connect-timeout", ConnectTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(1));
        yield return ("request-timeout", RequestTimeout, second, TimeSpan.FromHours(1));
        yield return ("keep-alive-timeout", KeepAliveTimeout, second, TimeSpan.FromMinutes(5));
        yield return ("client-timeout", ClientTimeout, second, day);
        yield return ("server-timeout", ServerTimeout, second, day);
        yield return ("tunnel-timeout", TunnelTimeout, second, longest);
        yield return ("hard-stop-after", HardStopAfter, second, longest);
        yield return ("close-spread-time", CloseSpreadTime, TimeSpan.Zero, day);
    }
}

[OptionsValidator]
internal sealed partial class IngressOptionsValidator : IValidateOptions<IngressOptions>;
