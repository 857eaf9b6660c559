using System.Security.Cryptography;
using System.Text;
using Appliance.Bundles.Compose;

namespace Appliance.Agent.Ingress;

/// <summary>A port of a published service, as HAProxy reaches it.</summary>
/// <param name="Name">HAProxy's.</param>
/// <param name="Slots">How many servers it has a place for.</param>
internal sealed record Backend(string Name, string Service, int Port, IngressProtocol Protocol, int Slots)
{
    /// <summary>Whether other services are sent to it, and nobody from outside.</summary>
    public bool IsInside { get; init; }

    private const int Fewest = 8;
    private const int LongestReadable = 32;

    public bool IsHttp => Protocol is not IngressProtocol.Tcp;

    /// <summary>Room for three times as many: while replicas are exchanged there are twice as many, and some still leave.</summary>
    public static int RoomFor(int servers) => Math.Max(Fewest, ((servers * 3) + Fewest - 1) / Fewest * Fewest);

    /// <summary>
    /// Derived, so that no name of a release means anything to HAProxy: its readable part for people, a digest for its
    /// being one of a kind.
    /// </summary>
    public static string NameOf(string service, int port, IngressProtocol protocol, bool isInside)
    {
        var inside = isInside ? "\0inside" : "";
        var digest = SHA256.HashData(Encoding.UTF8.GetBytes($"{service}\0{port}\0{protocol}{inside}"));
        var readable = string.Concat(service.Take(LongestReadable).Select(c => char.IsAsciiLetterOrDigit(c) ? c : '_'));
        return $"{readable}-{port}-{protocol}-{Convert.ToHexStringLower(digest.AsSpan(0, 4))}";
    }

    /// <summary>The name of a place, from 1.</summary>
    public static string SlotName(int number) => $"s{number}";
}
