using Microsoft.Data.Sqlite;

namespace Appliance.Agent.Storage;

/// <summary>
/// Records of one slot ("service/replica") each: read from memory, written through. They steer pace and are no
/// promise, so a disk that takes nothing more does not stop the caller: the record counts from memory, and is written
/// with the next one that can be.
/// </summary>
internal sealed class SlotTable<T>(
    Database database,
    ILogger log,
    string table,
    IEnumerable<KeyValuePair<string, T>> stored,
    Action<SqliteConnection, T> write
)
    where T : class
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, T> records = new(stored);
    private readonly HashSet<string> unsaved = [];

    public T? Of(string slot)
    {
        lock (gate)
            return records.GetValueOrDefault(slot);
    }

    /// <returns>Whether it outlives the agent already.</returns>
    public bool Put(string slot, T record)
    {
        lock (gate)
        {
            records[slot] = record;
            return Save(slot);
        }
    }

    /// <returns>As <see cref="Put"/>.</returns>
    public bool Forget(string slot)
    {
        lock (gate)
            return records.Remove(slot) || unsaved.Contains(slot) ? Save(slot) : database.NotDurableBecause is null;
    }

    private bool Save(string changed)
    {
        unsaved.Add(changed);
        try
        {
            database.Write(c =>
            {
                foreach (var slot in unsaved)
                {
                    if (records.TryGetValue(slot, out var record))
                        write(c, record);
                    else
                        c.Execute($"DELETE FROM {table} WHERE slot = ?1", slot);
                }
                return unsaved.Count;
            });
            unsaved.Clear();
            return database.NotDurableBecause is null;
        }
        catch (StorageException e)
        {
            log.RecordKeptInMemory(table, changed, e.Message);
            return false;
        }
    }
}
