namespace Grpc.AspNetCore.Server;

/// <summary>What is mapped in this application; shows too that AddGrpc was called.</summary>
internal sealed class ServerRegistry
{
    public HashSet<string> ServiceNames { get; } = [];

    public bool UnknownCallsMapped { get; set; }
}
