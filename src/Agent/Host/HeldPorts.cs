using System.Globalization;
using System.Net;

namespace Appliance.Agent.Host;

/// <summary>A port of this machine that something listens on.</summary>
internal sealed record HeldPort(IPAddress Address, int Port, bool IsUdp);

/// <summary>Reads the kernel's tables of sockets.</summary>
internal static class HeldPorts
{
    // Numbers of Linux: a UDP socket that is bound is in the state that is "closed" of a TCP one.
    private const string Listening = "0A";
    private const string Bound = "07";

    /// <summary>Those in the network namespace of the agent. What cannot be read is left out.</summary>
    public static IReadOnlyList<HeldPort> Read() =>
        [
            .. Parse(TextOf("tcp"), isUdp: false),
            .. Parse(TextOf("tcp6"), isUdp: false),
            .. Parse(TextOf("udp"), isUdp: true),
            .. Parse(TextOf("udp6"), isUdp: true),
        ];

    /// <param name="table">As <c>/proc/net/tcp</c> has it.</param>
    public static IEnumerable<HeldPort> Parse(string table, bool isUdp)
    {
        foreach (var line in table.Split('\n').Skip(1))
        {
            //   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 ...
            var fields = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            if (
                fields.Length > 3
                && fields[3] == (isUdp ? Bound : Listening)
                && fields[1].Split(':') is [var at, var port]
            )
                yield return new HeldPort(AddressOf(at), int.Parse(port, NumberStyles.HexNumber), isUdp);
        }
    }

    // Words of four bytes, each as the machine has it in memory.
    private static IPAddress AddressOf(string hexadecimal)
    {
        var bytes = Convert.FromHexString(hexadecimal);
        for (var word = 0; BitConverter.IsLittleEndian && word < bytes.Length; word += 4)
            Array.Reverse(bytes, word, 4);
        // A socket of both versions that is bound to an address of the older one.
        var address = new IPAddress(bytes);
        return address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address;
    }

    private static string TextOf(string table)
    {
        try
        {
            return File.ReadAllText($"/proc/self/net/{table}");
        }
        // A kernel without IPv6 has no table of it.
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }
}
