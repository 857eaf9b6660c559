using System.Globalization;
using System.Text.Json.Nodes;
using Appliance.Testing;
using Appliance.Tests.Disks;

namespace Appliance.Tests.Machines;

/// <summary>QEMU's command line for a machine.</summary>
/// <param name="options">What it is made of.</param>
/// <param name="disk">What it boots from.</param>
/// <param name="folder">Where its sockets, firmware variables and console log are.</param>
/// <param name="hostPorts">Ports of the host that it had before, by ports of the guest.</param>
/// <param name="clock">What its clock says; null: the host's time.</param>
/// <param name="writeLog">Where writes are logged, when they are.</param>
/// <param name="goesOn">Whether it was powered on before: that log is continued.</param>
internal sealed class QemuArguments(
    MachineOptions options,
    DiskImage disk,
    ScratchFolder folder,
    IReadOnlyDictionary<int, int> hostPorts,
    DateTimeOffset? clock,
    string writeLog,
    bool goesOn
)
{
    /// <summary>UEFI of Debian's ovmf.</summary>
    public const string Firmware = "/usr/share/OVMF/OVMF_CODE_4M.fd";

    /// <summary>The whole command line, but for the program.</summary>
    public List<string> All()
    {
        List<string> arguments =
        [
            "-nodefaults",
            "-no-user-config",
            "-display",
            "none",
            "-action",
            "reboot=shutdown",
            "-machine",
            "q35",
            "-accel",
            "tcg,thread=multi",
            "-m",
            $"{options.Memory}",
            "-smp",
            $"{options.Cpus}",
            "-rtc",
            "base=" + Clock,
            .. Blockdev(Json("file", "firmware", Firmware, ("read-only", true))),
            .. Blockdev(Json("file", "variables", folder["firmware.fd"])),
            "-machine",
            "pflash0=firmware,pflash1=variables",
            "-device",
            "virtio-rng-pci",
            "-chardev",
            $"socket,id=console,path={folder["console.sock"]},server=on,wait=on,logfile={folder["console.log"]},logappend=on",
            "-serial",
            "chardev:console",
            "-qmp",
            $"unix:{folder["qmp.sock"]},server=on,wait=off",
            .. Disks(),
        ];
        if (options.Network)
        {
            // 0: the kernel picks a free one, so that no other process can take it in between.
            var forwards = string.Concat(
                options.Forward.Select(port => $",hostfwd=tcp:127.0.0.1:{hostPorts.GetValueOrDefault(port)}-:{port}")
            );
            arguments.AddRange([
                "-netdev",
                "user,id=net,restrict=on" + forwards,
                "-device",
                "virtio-net-pci,netdev=net",
            ]);
        }
        if (options.Watchdog)
            arguments.AddRange(["-device", "i6300esb", "-action", "watchdog=reset"]);
        foreach (var (name, value) in Credentials())
            arguments.AddRange([
                "-smbios",
                $"type=11,value=io.systemd.credential:{name}={value.Replace(",", ",,", StringComparison.Ordinal)}",
            ]);
        arguments.AddRange(options.Arguments);
        return arguments;
    }

    private IEnumerable<KeyValuePair<string, string>> Credentials() =>
        options.ConsoleLogin
            ? options.Credentials.Append(new("agetty.autologin", "root")).Append(new("login.noauth", "yes"))
            : options.Credentials;

    private string Clock => clock?.UtcDateTime.ToString("yyyy-MM-ddTHH:mm:ss", CultureInfo.InvariantCulture) ?? "utc";

    private IEnumerable<string> Disks()
    {
        foreach (var argument in Blockdev(Json("file", "disk-file", disk.Path)))
            yield return argument;
        foreach (
            var argument in Blockdev(
                new()
                {
                    ["driver"] = disk.Format,
                    ["node-name"] = "disk",
                    ["file"] = "disk-file",
                    ["discard"] = "unmap",
                }
            )
        )
            yield return argument;
        var top = "disk";
        if (options.LogWrites)
        {
            foreach (var argument in Blockdev(Json("file", "log-file", writeLog)))
                yield return argument;
            // Below it nothing is flushed to the host's disk; here flushes are seen, and logged.
            foreach (
                var argument in Blockdev(
                    new()
                    {
                        ["driver"] = "raw",
                        ["node-name"] = "log",
                        ["file"] = "log-file",
                    }
                )
            )
                yield return argument;
            top = "logged";
            foreach (
                var argument in Blockdev(
                    new()
                    {
                        ["driver"] = "blklogwrites",
                        ["node-name"] = top,
                        ["file"] = "disk",
                        ["log"] = "log",
                        ["discard"] = "unmap",
                        ["log-append"] = goesOn,
                    }
                )
            )
                yield return argument;
        }
        // QEMU before 8.2 garbles the log where "write zeroes" meets another write; without the offer the guest writes
        // zeroes as data.
        foreach (var argument in Device($"virtio-blk-pci,drive={top},write-zeroes=off,serial=system"))
            yield return argument;

        var number = 0;
        foreach (var extra in options.Disks)
        {
            number++;
            foreach (var argument in Blockdev(Json("file", $"extra-file{number}", extra.Path)))
                yield return argument;
            foreach (
                var argument in Blockdev(
                    new()
                    {
                        ["driver"] = extra.Format,
                        ["node-name"] = $"extra{number}",
                        ["file"] = $"extra-file{number}",
                    }
                )
            )
                yield return argument;
            foreach (var argument in Device($"virtio-blk-pci,drive=extra{number},serial=extra{number}"))
                yield return argument;
        }
        if (options.Seed is not { } seed)
            yield break;
        foreach (var argument in Blockdev(Json("file", "seed-file", seed.Path)))
            yield return argument;
        foreach (
            var argument in Blockdev(
                new()
                {
                    ["driver"] = "raw",
                    ["node-name"] = "seed",
                    ["file"] = "seed-file",
                }
            )
        )
            yield return argument;
        foreach (var argument in Device("virtio-blk-pci,drive=seed,serial=seed"))
            yield return argument;
    }

    private static string[] Blockdev(JsonObject node) => ["-blockdev", node.ToJsonString()];

    private static string[] Device(string device) => ["-device", device];

    // A file of the host. The host's own cache survives a killed QEMU, so that nothing need reach the host's disk.
    private static JsonObject Json(string driver, string name, string path, params (string, JsonNode)[] more)
    {
        var node = new JsonObject
        {
            ["driver"] = driver,
            ["node-name"] = name,
            ["filename"] = Path.GetFullPath(path),
            ["cache"] = new JsonObject { ["no-flush"] = true },
        };
        if (more.All(m => m.Item1 != "read-only"))
            node["discard"] = "unmap";
        foreach (var (key, value) in more)
            node[key] = value;
        return node;
    }
}
