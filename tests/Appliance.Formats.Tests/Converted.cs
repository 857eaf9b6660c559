using Appliance.Testing;

namespace Appliance.Formats.Tests;

/// <summary>One disk, converted once into everything.</summary>
public sealed class Converted : IAsyncLifetime, IDisposable
{
    public const string Name = "demo-appliance";
    public const string Version = "1.2.3";
    private readonly ScratchFolder scratch = new();

    public string Raw => scratch["disk.raw"];
    public string Folder => scratch["out"];
    public string Qcow2 => scratch[$"out/{Name}.qcow2"];
    public string Ova => scratch[$"out/{Name}.ova"];
    public string Vhdx => scratch[$"out/{Name}.vhdx"];

    public async ValueTask InitializeAsync()
    {
        SampleDisk.Write(Raw);
        await Tool.RunAsync(Tool.Formats, [Raw, Folder, Name, Version]);
    }

    public ValueTask DisposeAsync()
    {
        Dispose();
        return ValueTask.CompletedTask;
    }

    public void Dispose() => scratch.Dispose();
}
