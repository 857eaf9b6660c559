using System.Text;

namespace Grpc.Core;

/// <summary>What the transport proved about the peer.</summary>
public class AuthContext(string? peerIdentityPropertyName, Dictionary<string, List<AuthProperty>> properties)
{
    private readonly Dictionary<string, List<AuthProperty>> properties =
        properties ?? throw new ArgumentNullException(nameof(properties));

    /// <summary>Whether the peer proved who it is (with a TLS client certificate).</summary>
    public bool IsPeerAuthenticated => PeerIdentityPropertyName is not null;

    /// <summary>The name of the properties that identify the peer; null for an unauthenticated one.</summary>
    public string? PeerIdentityPropertyName { get; } = peerIdentityPropertyName;

    /// <summary>The properties that identify the peer.</summary>
    public IEnumerable<AuthProperty> PeerIdentity =>
        PeerIdentityPropertyName is null ? [] : FindPropertiesByName(PeerIdentityPropertyName);

    /// <summary>Everything known about the peer.</summary>
    public IEnumerable<AuthProperty> Properties => properties.Values.SelectMany(values => values);

    /// <summary>The properties of one name, possibly none.</summary>
    public IEnumerable<AuthProperty> FindPropertiesByName(string propertyName) =>
        properties.TryGetValue(propertyName, out var found) ? found : [];
}

/// <summary>One fact about the peer.</summary>
public class AuthProperty
{
    private readonly byte[] bytes;

    private AuthProperty(string name, byte[] bytes)
    {
        Name = name;
        this.bytes = bytes;
    }

    /// <summary>What the fact is about.</summary>
    public string Name { get; }

    /// <summary>The fact as UTF-8 text.</summary>
    public string Value => Encoding.UTF8.GetString(bytes);

    /// <summary>A copy of the fact's bytes.</summary>
    public byte[] ValueBytes => (byte[])bytes.Clone();

    /// <summary>Makes a property; the bytes are copied.</summary>
    public static AuthProperty Create(string name, byte[] valueBytes)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(valueBytes);
        return new(name, (byte[])valueBytes.Clone());
    }
}
