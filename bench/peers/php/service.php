<?php

/** A work-item service on PHP's SoapServer and PDO; the server gives the parameters WSDL and DATABASE. */

declare(strict_types=1);

final class WorkItems
{
    private PDO $database;

    public function __construct(string $path)
    {
        // A persistent connection: it stays open between the requests of a process.
        $options = [PDO::ATTR_PERSISTENT => true, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION, PDO::ATTR_TIMEOUT => 30];
        $this->database = new PDO("sqlite:$path", null, null, $options);
        $this->database->exec('PRAGMA synchronous = FULL');
    }

    public function allocateAndOpenWorkItem(stdClass $request): array
    {
        return ['workItem' => ['id' => $this->move($request->workItemID, 'OFFERED', 'OPENED')]];
    }

    public function closeWorkItem(stdClass $request): array
    {
        return ['workItemID' => $this->move($request->workItemID, 'OPENED', 'OFFERED')];
    }

    public function getWorkItemHeader(stdClass $request): array
    {
        $item = $request->workItemID;
        $select = $this->database->prepare('SELECT id, version, state, name FROM work_item WHERE id = ?');
        $select->execute([$item->id]);
        $header = $select->fetch(PDO::FETCH_ASSOC) ?: throw new SoapFault('Client', 'no such work item');
        if (isset($item->version) && $item->version !== $header['version']) {
            throw new SoapFault('Client', 'not that version');
        }
        return ['workItemHeader' => $header];
    }

    private function move(stdClass $item, string $from, string $to): array
    {
        // The statement is a transaction of its own: when it is done, it is committed and on disk.
        $update = $this->database->prepare(
            'UPDATE work_item SET version = version + 1, state = ? WHERE id = ? AND version = ? AND state = ?'
        );
        $update->execute([$to, $item->id, $item->version, $from]);
        if ($update->rowCount() === 0) {
            throw new SoapFault('Client', 'not that version, or not that state');
        }
        return ['id' => $item->id, 'version' => $item->version + 1];
    }
}

$server = new SoapServer($_SERVER['WSDL'], ['cache_wsdl' => WSDL_CACHE_BOTH, 'send_errors' => true]);
$server->setObject(new WorkItems($_SERVER['DATABASE']));
$server->handle();
