using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Grpc.Core;
using Grpc.Wire;

namespace Grpc.AspNetCore.Server;

/// <summary>The call as its handler sees it.</summary>
internal sealed partial class ServerCall : ServerCallContext
{
    /// <summary>Where the user state holds the HttpContext, for contexts that wrap this one.</summary>
    public const string HttpContextKey = "__HttpContext";

    private const string CommonName = "x509_common_name";
    private const string AlternativeName = "x509_subject_alternative_name";

    private Metadata? requestHeaders;
    private Metadata? trailers;
    private AuthContext? authContext;

    protected override string MethodCore => settings.Method.FullName;

    protected override string HostCore => http.Request.Host.Value ?? "";

    protected override string PeerCore
    {
        get
        {
            var connection = http.Connection;
            return connection.RemoteIpAddress switch
            {
                null => "unix:",
                { AddressFamily: AddressFamily.InterNetwork } v4 => $"ipv4:{v4}:{connection.RemotePort}",
                var v6 => $"ipv6:[{v6}]:{connection.RemotePort}",
            };
        }
    }

    protected override Metadata RequestHeadersCore => requestHeaders ??= ReadRequestHeaders();

    protected override Metadata ResponseTrailersCore => trailers ??= [];

    protected override Status StatusCore { get; set; }

    protected override WriteOptions? WriteOptionsCore { get; set; }

    protected override AuthContext AuthContextCore => authContext ??= ReadAuthContext();

    protected override IDictionary<object, object> UserStateCore
    {
        get
        {
            var state = base.UserStateCore;
            state.TryAdd(HttpContextKey, http);
            return state;
        }
    }

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) =>
        new ParentCallToken(this, options ?? ContextPropagationOptions.Default);

    protected override async Task WriteResponseHeadersAsyncCore(Metadata responseHeaders)
    {
        ArgumentNullException.ThrowIfNull(responseHeaders);
        BeginWrite();
        try
        {
            if (hasBody || http.Response.HasStarted)
                throw new InvalidOperationException("The response headers were sent before.");
            ServerProtocol.WriteMetadata(http.Response.Headers, responseHeaders);
            await FlushAsync(CancellationToken.None);
        }
        finally
        {
            EndWrite();
        }
    }

    private Metadata ReadRequestHeaders()
    {
        var metadata = new Metadata();
        foreach (var (name, values) in http.Request.Headers)
        {
            if (HeaderNames.IsReserved(name))
                continue;
            foreach (var value in values)
                BinaryHeader.AddReceived(metadata, name, value ?? "");
        }

        return metadata;
    }

    private AuthContext ReadAuthContext()
    {
        if (http.Connection.ClientCertificate is not { } certificate)
            return new AuthContext(null, []);

        var properties = new Dictionary<string, List<AuthProperty>>();
        void Add(string name, string? value)
        {
            if (string.IsNullOrEmpty(value))
                return;
            var property = AuthProperty.Create(name, Encoding.UTF8.GetBytes(value));
            if (!properties.TryGetValue(name, out var values))
                properties[name] = values = [];
            values.Add(property);
        }

        foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            foreach (var name in extension.EnumerateDnsNames())
                Add(AlternativeName, name);
        }

        Add(CommonName, certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false));
        var identity =
            properties.ContainsKey(AlternativeName) ? AlternativeName
            : properties.ContainsKey(CommonName) ? CommonName
            : null;
        return new AuthContext(identity, properties);
    }
}
