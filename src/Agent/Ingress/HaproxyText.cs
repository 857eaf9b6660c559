using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Ingress;

/// <summary>
/// A shape as HAProxy reads it (2.6 and 3.0). Pure. What comes from a release is either one of our own derived names, or a
/// pattern whose every character was looked at.
/// </summary>
/// <param name="options">Of the appliance's administrator.</param>
/// <param name="certificate">The path of key and chain.</param>
/// <param name="maintenance">The path of what is answered while no container is ready.</param>
/// <param name="hasIpv6">Whether the machine knows IPv6 at all.</param>
internal sealed class HaproxyText(IngressOptions options, string certificate, string maintenance, bool hasIpv6)
{
    /// <summary>Before the hash, where HAProxy is asked what it runs.</summary>
    public const string Mark = "appliance-shape";

    /// <summary>Where an unused place points: an address that is set aside for documentation, and nobody's.</summary>
    public const string Nobody = "192.0.2.1";

    private const string Inside = "inside-";
    private const int HashLength = 32;

    // A container that joins is sent its share little by little: its first answers are its slowest. One that is alone with it
    // is sent everything all the same.
    private const string WarmUp = "3s";

    /// <summary>For how long a client may be connected without a whole request: its first, or the next.</summary>
    public TimeSpan LongestIdle =>
        options.KeepAliveTimeout > options.RequestTimeout ? options.KeepAliveTimeout : options.RequestTimeout;

    /// <summary>Of all that a reload is needed for. A running HAProxy tells it, and so whether it is as it is to be.</summary>
    public string HashOf(IngressShape shape) =>
        Convert.ToHexStringLower(
            SHA256.HashData(Encoding.UTF8.GetBytes(Write(shape, shape.Backends.SelectMany(ServerSlot.EmptyOf), "")))
        )[..HashLength];

    /// <summary>The hash that a file bears; null: it is not of ours.</summary>
    public static string? HashIn(string text)
    {
        const string key = $"description {Mark} ";
        var at = text.IndexOf(key, StringComparison.Ordinal);
        return at < 0 ? null : text[(at + key.Length)..].Split('\n', 2)[0].Trim();
    }

    /// <summary>The whole file.</summary>
    /// <param name="slots">The places of all its backends.</param>
    public string Of(IngressShape shape, IEnumerable<ServerSlot> slots) => Write(shape, slots, HashOf(shape));

    private string Write(IngressShape shape, IEnumerable<ServerSlot> slots, string hash)
    {
        var text = new StringBuilder("# Written by appliance-agent: what is changed here by hand is lost.\n");
        Global(text, hash);
        Defaults(text);
        Public(text, shape);
        foreach (var listener in shape.Listeners)
            Listener(text, listener);
        var byBackend = slots.ToLookup(s => s.Backend);
        foreach (var backend in shape.Backends)
            Backend(text, backend, byBackend[backend.Name]);
        text.Append(
            """

            backend unknown from of-http
                http-request return status 404 content-type text/plain string "Nothing is published here.\n"

            backend nothing from of-http

            """
        );
        return text.ToString();
    }

    private void Global(StringBuilder text, string hash)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"""
            global
                description {Mark} {hash}
                stats socket {Word(options.WorkerSocket)} mode 600 level admin expose-fd listeners
                stats timeout {Time(options.HardStopAfter)}
                maxconn {options.Maxconn}
                # Fewer connections, where the machine allows no more, and not none.
                no strict-limits
                hard-stop-after {Time(options.HardStopAfter)}
                mworker-max-reloads 20
                ssl-default-bind-options ssl-min-ver TLSv1.2
                tune.ssl.default-dh-param 2048

            """
        );
        if (options.CloseSpreadTime > TimeSpan.Zero)
            Line(text, $"close-spread-time {Time(options.CloseSpreadTime)}");
        if (options.User.Length > 0)
        {
            Line(text, $"user {options.User}");
            Line(text, $"group {options.User}");
            Line(text, $"chroot {Word(options.EmptyDirectory)}");
        }
    }

    private void Defaults(StringBuilder text) =>
        text.Append(
            CultureInfo.InvariantCulture,
            $"""

            defaults of-http
                mode http
                timeout connect {Time(options.ConnectTimeout)}
                timeout queue {Time(options.ConnectTimeout)}
                timeout http-request {Time(options.RequestTimeout)}
                timeout http-keep-alive {Time(options.KeepAliveTimeout)}
                timeout client {Time(options.ClientTimeout)}
                timeout client-fin {Time(options.RequestTimeout)}
                timeout server {Time(options.ServerTimeout)}
                timeout server-fin {Time(options.RequestTimeout)}
                timeout tunnel {Time(options.TunnelTimeout)}
                option idle-close-on-response
                option clitcpka
                option srvtcpka
                # A connection that was refused has carried nothing: another container gets the request. Nothing else is
                # tried twice, since a container may have acted on it.
                retries 3
                retry-on conn-failure
                option redispatch 1
                errorfile 503 {Word(maintenance)}
                default-server init-addr none

            defaults of-tcp
                mode tcp
                timeout connect {Time(options.ConnectTimeout)}
                timeout queue {Time(options.ConnectTimeout)}
                timeout client {Time(options.TunnelTimeout)}
                timeout client-fin {Time(options.RequestTimeout)}
                timeout server {Time(options.TunnelTimeout)}
                timeout server-fin {Time(options.RequestTimeout)}
                option clitcpka
                option srvtcpka
                retries 3
                option redispatch 1
                default-server init-addr none

            """
        );

    private void Public(StringBuilder text, IngressShape shape)
    {
        text.Append("\nfrontend public-http from of-http\n");
        Bind(text, options.HttpPort, "");
        if (options.RedirectHttp)
        {
            Line(text, "http-request set-var(txn.host) req.hdr(host),host_only,lower");
            Line(text, "http-request deny deny_status 400 unless { req.hdr(host),length gt 0 }");
            var port = options.HttpsPort == 443 ? "" : ":" + options.HttpsPort.ToString(CultureInfo.InvariantCulture);
            // Temporary: a browser remembers a permanent one for longer than an administrator his settings.
            Line(text, $"http-request redirect location https://%[var(txn.host)]{port}%[pathq] code 307");
            text.Append("\nfrontend public-https from of-http\n");
        }
        Bind(text, options.HttpsPort, $" ssl crt {Word(certificate)} alpn h2,http/1.1");
        // What a client says of other clients is nothing that a container may believe. Underscores are the same to CGI.
        Line(text, "http-request del-header ^x[-_](forwarded[-_].*|real[-_]ip)$ -m reg");
        Line(text, "http-request del-header forwarded");
        Line(text, "http-request del-header proxy");
        Line(text, "http-request set-header X-Forwarded-For %[src]");
        Line(text, "http-request set-header X-Forwarded-Proto https if { ssl_fc }");
        Line(text, "http-request set-header X-Forwarded-Proto http unless { ssl_fc }");
        Line(text, "http-request set-header X-Forwarded-Host %[req.hdr(host)] if { req.hdr(host) -m found }");
        Line(text, "http-request set-header X-Real-IP %[src]");
        Line(text, "http-request set-var(txn.host) req.hdr(host),host_only,lower,rtrim(.)");
        Routes(text, shape.Routes);
        Line(text, $"default_backend {(shape.Routes.Count > 0 ? "unknown" : "nothing")}");
    }

    private static void Routes(StringBuilder text, IReadOnlyList<ShapeRoute> routes)
    {
        var hosts = routes.Select(r => r.Host).OfType<string>().Distinct().ToList();
        foreach (var (host, i) in hosts.Select((h, i) => (h, i)))
            Line(
                text,
                host.StartsWith('*')
                    ? $"acl host-{i} var(txn.host) -m end -- {Word(host[1..])}"
                    : $"acl host-{i} var(txn.host) -m str -- {Word(host)}"
            );
        var paths = routes.Select(r => r.Path).Where(p => p != "/").Distinct().ToList();
        foreach (var (path, i) in paths.Select((p, i) => (p, i)))
        {
            Line(text, $"acl path-{i} path -m str -- {Word(path)}");
            Line(text, $"acl path-{i} path -m beg -- {Word(path + "/")}");
        }
        foreach (var route in routes)
        {
            var conditions = new List<string>();
            if (route.Host is { } host)
                conditions.Add($"host-{hosts.IndexOf(host)}");
            if (route.Path != "/")
                conditions.Add($"path-{paths.IndexOf(route.Path)}");
            var condition = conditions.Count == 0 ? "" : $" if {string.Join(' ', conditions)}";
            Line(text, $"use_backend {route.Backend}{condition}");
        }
    }

    private void Listener(StringBuilder text, ShapeListener listener)
    {
        var name = listener.Address is { } own
            ? $"{Inside}{own.Replace(':', '_')}-{listener.Port}"
            : $"tcp-{listener.Port}";
        text.Append(
            CultureInfo.InvariantCulture,
            $"\nfrontend {name} from {(listener.IsHttp ? "of-http" : "of-tcp")}\n"
        );
        if (listener.Address is { } address)
            Line(text, $"bind {Endpoint(address, listener.Port)}");
        else
            Bind(text, listener.Port, "");
        // The address is this machine's, whichever way a packet for it comes in.
        if (listener.Sources.Count > 0)
            Line(text, $"tcp-request connection reject unless {{ src {string.Join(' ', listener.Sources)} }}");
        Line(text, $"default_backend {listener.Backend}");
    }

    private static void Backend(StringBuilder text, Backend backend, IEnumerable<ServerSlot> slots)
    {
        text.Append(
            CultureInfo.InvariantCulture,
            $"\nbackend {backend.Name} from {(backend.IsHttp ? "of-http" : "of-tcp")}\n"
        );
        // Turn by turn gives a canary its share exactly; connections that last are better counted.
        Line(text, backend.IsHttp ? "balance roundrobin" : "balance leastconn");
        // A server without TLS may refuse a request that says it came over TLS, as Kestrel does.
        if (backend.Protocol is IngressProtocol.H2c)
            Line(text, "http-request set-uri http://%[req.hdr(host)]%[pathq] if { req.hdr(host) -m found }");
        var speaks = backend.Protocol switch
        {
            IngressProtocol.H2c => " proto h2",
            IngressProtocol.Https => " ssl verify none",
            _ => "",
        };
        foreach (var slot in slots)
        {
            var state = slot.State is ServerState.Ready ? "" : " disabled";
            var (address, port) = slot.Address is { } known ? (known, backend.Port) : (Nobody, 1);
            Line(
                text,
                $"server {slot.Name} {Endpoint(address, port)} weight {slot.Weight} slowstart {WarmUp}{speaks}{state}"
            );
        }
    }

    private void Bind(StringBuilder text, int port, string how)
    {
        if (options.BindAddress != "*")
            Line(text, $"bind {Endpoint(options.BindAddress, port)}{how}");
        else if (hasIpv6)
            Line(text, $"bind :::{port.ToString(CultureInfo.InvariantCulture)} v4v6{how}");
        else
            Line(text, $"bind *:{port.ToString(CultureInfo.InvariantCulture)}{how}");
    }

    /// <exception cref="FormatException">It is no address.</exception>
    private static string Endpoint(string address, int port)
    {
        var parsed = IPAddress.Parse(address);
        return parsed.AddressFamily is AddressFamily.InterNetworkV6
            ? $"ipv6@[{parsed}]:{port.ToString(CultureInfo.InvariantCulture)}"
            : $"ipv4@{parsed}:{port.ToString(CultureInfo.InvariantCulture)}";
    }

    private static void Line(StringBuilder text, string line) => text.Append("    ").Append(line).Append('\n');

    private static string Time(TimeSpan time) =>
        ((long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture) + "ms";

    /// <summary>One word, whatever it holds: what HAProxy might take for more than itself is written as its bytes.</summary>
    internal static string Word(string word)
    {
        var text = new StringBuilder();
        foreach (var value in Encoding.UTF8.GetBytes(word))
        {
            var c = (char)value;
            if (char.IsAsciiLetterOrDigit(c) || c is '/' or '.' or '_' or '-' or '~' or ':' or '@' or '%')
                text.Append(c);
            else
                text.Append(CultureInfo.InvariantCulture, $"\\x{value:x2}");
        }
        return text.ToString();
    }
}
